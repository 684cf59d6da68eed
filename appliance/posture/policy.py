"""What follows from what the checks found: by impact, as the hospital has decided; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

from appliance.settings.posture import PostureSettings


class Consequence(IntEnum):
    """What the box does; the strongest of all findings counts."""

    NOTHING = 0
    WARN = 1
    STOP_TRAINING = 2
    LOCK_VAULT = 3

    @property
    def word(self) -> str:
        """As the settings name it: "stop-training"."""
        return self.name.lower().replace("_", "-")


_WORDS: Final = MappingProxyType({one.word: one for one in Consequence})
_FAILED: Final = "fail"
_UNDECIDED: Final = "could-not-check"
_ALL_WARN: Final = MappingProxyType(
    dict.fromkeys(("critical", "high", "medium", "low"), Consequence.WARN)
)


@dataclass(frozen=True, slots=True)
class PosturePolicy:
    """What follows.

    Attributes:
        failed: Impact of a check that failed -> what follows.
        undecided: What follows from a check that could not be made, whatever its impact.
        accepted: Ids of checks whose outcome the hospital has accepted; nothing follows from them.
    """

    failed: Mapping[str, Consequence] = field(default_factory=lambda: _ALL_WARN)
    undecided: Consequence = Consequence.NOTHING
    accepted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: PostureSettings) -> "PosturePolicy":
        """The policy that the settings tell."""
        return cls(
            MappingProxyType(
                {
                    "critical": _WORDS[settings.critical],
                    "high": _WORDS[settings.high],
                    "medium": _WORDS[settings.medium],
                    "low": _WORDS[settings.low],
                }
            ),
            _WORDS[settings.undecided],
            frozenset(settings.accepted),
        )


@dataclass(frozen=True, slots=True)
class Followed:
    """The consequence of one report, and the ids of the checks that lead to just this one."""

    consequence: Consequence
    checks: tuple[str, ...]


def followed(report: Mapping[str, Any], policy: PosturePolicy) -> Followed:
    """Judge a report.

    Args:
        report: `firmware_checks.report.Report.as_json()`.
        policy: What the hospital has decided.
    """
    found = [(_consequence(check, policy), str(check["id"])) for check in report["checks"]]
    strongest = max((one for one, _ in found), default=Consequence.NOTHING)
    if strongest is Consequence.NOTHING:
        return Followed(strongest, ())
    return Followed(strongest, tuple(name for one, name in found if one is strongest))


def _consequence(check: Mapping[str, Any], policy: PosturePolicy) -> Consequence:
    if check["id"] in policy.accepted:
        return Consequence.NOTHING
    if check["outcome"] == _FAILED:
        # An impact of a later version counts as the gravest known one.
        return policy.failed.get(str(check["impact"]), policy.failed["critical"])
    return policy.undecided if check["outcome"] == _UNDECIDED else Consequence.NOTHING
