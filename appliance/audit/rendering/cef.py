"""Entries as CEF: one line of the common event format that most SIEMs read."""

from typing import Final

from appliance.audit.event import Entry
from appliance.audit.rendering.codes import SECURITY_ALERT, USER_AUTHENTICATION
from appliance.audit.rendering.meaning import (
    MINOR_FAILURE,
    SUCCESS,
    Meaning,
    Source,
    facts_of,
    meaning_of,
    thing_of,
)

_NORMAL, _WATCHED, _MINOR, _SERIOUS = 2, 4, 6, 9
"""Severities on CEF's scale of 0 to 10."""

_ACTIONS: Final = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "execute"}
_LONGEST: Final = 1023
"""Characters in one value, as the longest fields of CEF have them."""


def to_cef(entry: Entry, source: Source) -> bytes:
    """An entry as one line of CEF in UTF-8, without a newline.

    Args:
        entry: an entry as read back from the log.
        source: the box.
    """
    meaning = meaning_of(entry)
    head = (source.version or "-", entry.event.tag, meaning.what, str(_severity(meaning)))
    line = "|".join(["CEF:0", "WardBox", "WardBox", *(_header(part) for part in head)])
    pairs = (f"{name}={_value(text)}" for name, text in _extension(entry, meaning, source) if text)
    return f"{line}|{' '.join(pairs)}".encode()


def _extension(entry: Entry, meaning: Meaning, source: Source) -> list[tuple[str, str]]:
    event = entry.event
    details = event.details
    kind, _, name = event.actor.partition(":")
    labelled = [
        ("cs1", "patient", meaning.patient or ""),
        ("cs2", "model", str(details.get("model") or "")),
        ("cs3", "receipt", str(details.get("receipt") or "")),
        ("cs4", "object", thing_of(entry)),
        ("cs5", "dicomEvent", f"{meaning.event.value} {meaning.event.meaning}"),
        ("cs6", "boot", entry.boot),
    ]
    found = [
        ("rt", str(entry.time // 1000)),
        ("dvchost", source.address),
        ("deviceExternalId", source.name),
        ("externalId", str(entry.index)),
        ("cat", event.tag.partition(":")[0]),
        ("act", _ACTIONS[meaning.action]),
        ("outcome", "success" if meaning.outcome == SUCCESS else "failure"),
        ("reason", meaning.why),
        ("suser", name if meaning.person else ""),
        ("suid", event.actor),
        ("sourceServiceName", "" if meaning.person else kind),
        ("cn1Label", "requestTokens" if "prompt_tokens" in details else ""),
        ("cn1", str(details.get("prompt_tokens", ""))),
        ("request", str(details.get("route") or "")),
        ("fileHash", str(details.get("digest") or details.get("model_digest") or "")),
    ]
    for field, label, text in labelled:
        found += [(f"{field}Label", label), (field, text)] if text else []
    if event.request_id:
        found.append(("requestContext", event.request_id))
    found.append(("msg", " ".join(f"{name}={text}" for name, text in facts_of(entry))))
    return found


def _severity(meaning: Meaning) -> int:
    if meaning.outcome == SUCCESS:
        return _WATCHED if meaning.event in {SECURITY_ALERT, USER_AUTHENTICATION} else _NORMAL
    return _MINOR if meaning.outcome == MINOR_FAILURE else _SERIOUS


def _header(text: str) -> str:
    return _plain(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    return _plain(text)[:_LONGEST].replace("\\", "\\\\").replace("=", "\\=")


def _plain(text: str) -> str:
    """One line whatever the text: a line break in a name must not begin another event."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text.strip()
