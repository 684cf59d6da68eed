"""Entries as this version knows them: the tag decides which details there are, and of which types.

A log outlives its software: an entry of a later version, or of one that told less, is read and kept like
any other and says that it is not of this catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from appliance.audit.catalogue import KINDS
from appliance.audit.event import Event
from appliance.audit.kind import Kind

BY_TAG: Final[Mapping[str, Kind]] = MappingProxyType({kind.tag: kind for kind in KINDS})

_NUMBERS: Final = frozenset(
    [
        "alert",
        "behind",
        "completion_tokens",
        "count",
        "damaged",
        "days",
        "erased",
        "files",
        "first",
        "flags",
        "freed",
        "index",
        "known",
        "last",
        "last_time",
        "left",
        "lines",
        "lost",
        "objects",
        "position",
        "prompt_tokens",
        "refused",
        "repairs",
        "revision",
        "seed",
        "since",
        "size",
        "snapshot",
        "step_us",
        "tree_size",
        "until",
    ]
)
_TRUTHS: Final = frozenset(["ok", "stream", "totp"])
_LISTS: Final = frozenset(
    ["checks", "conditions", "failed", "limits", "people", "scopes", "snapshots", "targets"]
)
_MAPS: Final = frozenset(("filter",))
_OPTIONAL: Final = frozenset(
    [
        "adapter_digest",
        "approved_by",
        "body",
        "code",
        "extract_hash",
        "patient",
        "reason",
        "receipt",
        "role",
        "seed",
        "slot",
    ]
)
_SEVERAL: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    # How many bodies there were; or whether they went along.
    # Bytes of a volume, or versions of a package.
    {"bodies": (int, bool), "after": (int, str), "before": (int, str)}
)


@dataclass(frozen=True, slots=True)
class Known:
    """An event of the catalogue, with every detail that its tag has.

    Args:
        kind: what its tag means.
        event: what happened.
    """

    kind: Kind
    event: Event


@dataclass(frozen=True, slots=True)
class Unlisted:
    """An event that this version has no row for, or not this one.

    Args:
        event: what happened.
        reason: why, in English.
    """

    event: Event
    reason: str


Told = Known | Unlisted


def told(event: Event) -> Told:
    """An event by its tag."""
    kind = BY_TAG.get(event.tag)
    if kind is None:
        return Unlisted(event, "the tag is of another version")
    for name in kind.details:
        if name not in event.details:
            return Unlisted(event, f"{name} is missing")
        if type(event.details[name]) not in types_of(name):
            return Unlisted(event, f"{name} is of another type")
    return Known(kind, event)


def types_of(detail: str) -> tuple[type, ...]:
    """The types that a detail of this name may have, in whatever tag it stands."""
    if detail in _SEVERAL:
        return _SEVERAL[detail]
    named: type = str
    for kind, names in ((int, _NUMBERS), (bool, _TRUTHS), (list, _LISTS), (dict, _MAPS)):
        if detail in names:
            named = kind
    return (named, type(None)) if detail in _OPTIONAL else (named,)
