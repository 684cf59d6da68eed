"""The filters of the audit tail: tag, actor, model, patient and time, as they are typed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input, Static
from typing_extensions import override

from appliance.contract.audit import Entry

FIELDS: Final = (
    ("tag", "事件 tag ", "model:completion"),
    ("actor", " 主体 actor ", "key:emr"),
    ("model", " 模型 model ", "wardbox-reference"),
    ("patient", "患者 patient ", "假名 pseudonym"),
    ("since", " 自 since ", "2h · 3d · 2026-01-05"),
    ("until", " 至 until ", "08:00 · 2026-01-06"),
)
_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})\s*([mhdw])", re.ASCII)
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; an empty field looks for nothing in particular."""

    tag: str = ""
    actor: str = ""
    model: str = ""
    patient: str = ""
    since: datetime | None = None
    until: datetime | None = None
    unclear: str = ""

    def query(self) -> Iterator[tuple[str, str]]:
        """The conditions as the API takes them."""
        if self.tag:
            yield "tag", f"{self.tag}*"
        for name in ("actor", "model", "patient"):
            if getattr(self, name):
                yield name, getattr(self, name)
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None:
                yield name, moment.isoformat()

    def passes(self, entry: Entry) -> bool:
        """Whether an entry of the live tail is wanted, as far as the console can tell."""
        details = entry.details
        models = ("", entry.subject, details.get("model"), details.get("model_digest"))
        return (
            entry.tag.startswith(self.tag)
            and self.actor in {"", entry.actor}
            and self.model in models
            and self.patient in ("", details.get("patient"))
            and (self.since is None or entry.time >= self.since)
            and (self.until is None or entry.time < self.until)
        )


class AuditFilter(Container):
    """Six fields in two lines; each keeps what was typed."""

    @override
    def compose(self) -> ComposeResult:
        for name, words, example in FIELDS:
            yield Static(words, classes="word", markup=False)
            yield Input(id=name, placeholder=example, compact=True, max_length=200)

    def wanted(self, now: datetime) -> Wanted:
        """What is looked for; a time that cannot be read is told in `unclear` and left out."""
        typed = {name: self.query_one(f"#{name}", Input).value.strip() for name, *_ in FIELDS}
        moments: dict[str, datetime | None] = {}
        unclear = ""
        for name in ("since", "until"):
            moments[name] = moment_of(typed[name], now)
            if typed[name] and moments[name] is None:
                unclear = unclear or typed[name]
        return Wanted(
            tag=typed["tag"].rstrip("*"),
            actor=typed["actor"],
            model=typed["model"],
            patient=typed["patient"],
            since=moments["since"],
            until=moments["until"],
            unclear=unclear,
        )


def moment_of(words: str, now: datetime) -> datetime | None:
    """A time that somebody typed, UTC: `2h` ago, `08:00` today, a date, or a date and time.

    Returns:
        None for nothing, and for what is none of these.
    """
    span = _SPAN.fullmatch(words)
    if span is not None:
        return now - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    try:
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", words, re.ASCII):
            hour, minute = map(int, words.split(":"))
            return now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        moment = datetime.fromisoformat(words)
    except ValueError:
        return None
    return moment.replace(tzinfo=now.tzinfo) if moment.tzinfo is None else moment
