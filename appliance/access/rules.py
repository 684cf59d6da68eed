"""The rules of access: limits on signing in, what a password must be, who decides alone."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from appliance.access.errors import UserNameMalformed, WeakPassword
from appliance.access.windows import Calendar

if TYPE_CHECKING:
    from appliance.settings.access import AccessSettings

MAX_PASSWORD: Final = 256
_DISTINCT: Final = 5
# Names that mean something in the paths of the API.
_RESERVED: Final = frozenset({"me", ".", ".."})
_NAME: Final = re.compile(r"[^\s:/\\'\"<>]{1,64}")
# Controls, format characters, halves of surrogate pairs and blanks; and letters without any ink.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Blanks of every kind, controls, format characters and combining marks.
_NOT_COUNTED: Final = frozenset("CMZ")
_EMPTY: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What a password must be (GB/T 22239-2019, level 3: complex, and changed from time to time).

    Attributes:
        minimum: fewest characters.
        classes: of small letters, capitals, digits and others, how many must be there.
        history: how many of the last passwords may not come back.
        max_age_s: after so many seconds it has to be changed; 0 for never.
    """

    minimum: int = 10
    classes: int = 1
    history: int = 5
    max_age_s: float = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules of one box; all times in seconds.

    Attributes:
        failures: failed sign-ins in a row that lock a name.
        source_failures: the same for an address, from which many people may come.
        lockout_s: how long the first lockout lasts; each further one lasts twice as long.
        lockout_max_s: the longest lockout.
        window_s: a failure counts for so long.
        memory_s: lockouts count as lockouts in a row for so long.
        session_s: longest session.
        idle_s: longest pause in a session.
        approval_s: how long a two-person action may wait.
        two_person: whether the most dangerous actions need two people.
        password: what a password must be.
        calendar: when days and months begin.
    """

    failures: int = 5
    source_failures: int = 30
    lockout_s: float = 900.0
    lockout_max_s: float = 86_400.0
    window_s: float = 900.0
    memory_s: float = 86_400.0
    session_s: float = 12 * 3600.0
    idle_s: float = 1800.0
    approval_s: float = 86_400.0
    two_person: bool = False
    password: PasswordRules = field(default_factory=PasswordRules)
    calendar: Calendar = field(default_factory=Calendar)

    @classmethod
    def of(cls, settings: "AccessSettings") -> Self:
        """The rules that a box is set to."""
        return cls(
            failures=settings.lockout_failures,
            source_failures=settings.lockout_source_failures,
            lockout_s=float(settings.lockout_s),
            session_s=settings.session_hours * 3600.0,
            idle_s=settings.session_idle_min * 60.0,
            two_person=settings.two_person,
            password=PasswordRules(
                minimum=settings.password_length,
                classes=settings.password_classes,
                history=settings.password_history,
                max_age_s=settings.password_max_days * 86_400.0,
            ),
            calendar=Calendar(settings.utc_offset_h * 3600),
        )


def judge_name(name: str) -> None:
    """Raise UserNameMalformed for a name that would confuse a person or a log."""
    unseen = any(unicodedata.category(one) in _UNSEEN or one in _EMPTY for one in name)
    if _NAME.fullmatch(name) is None or name in _RESERVED or unseen:
        raise UserNameMalformed


def folded(name: str) -> str:
    """A name as directories compare it: case and width do not count."""
    return unicodedata.normalize("NFKC", name).casefold()


def as_counted(name: str) -> str:
    """A name as attempts are counted under it.

    Directories compare names without looking at blanks and at characters that nobody sees
    (RFC 4518, 2.2 to 2.6): whoever guesses would else have five tries under each spelling.
    """
    plain = unicodedata.normalize("NFKC", name[:256])
    return "".join(one for one in plain if unicodedata.category(one)[0] not in _NOT_COUNTED)


def counted_under(name: str, source: str) -> str:
    """The name under which sign-ins of somebody whom a directory vouches for are counted."""
    # No local name holds a colon.
    return f"{source}:{folded(as_counted(name))}"


def judge_password(password: str, name: str, rules: PasswordRules) -> None:
    """Check a new password, all but its history.

    Raises:
        WeakPassword: too short or long, of too few kinds of characters, or close to the name.
    """
    if not rules.minimum <= len(password) <= MAX_PASSWORD:
        raise WeakPassword(
            reason_zh=f"长度须为 {rules.minimum} 至 {MAX_PASSWORD} 个字符",
            reason_en=f"it must have {rules.minimum} to {MAX_PASSWORD} characters",
        )
    lowered, own = password.casefold(), name.casefold()
    if own in lowered or own[::-1] in lowered:
        raise WeakPassword(reason_zh="不能包含用户名", reason_en="it must not hold the user's name")
    if len(set(lowered)) < _DISTINCT:
        raise WeakPassword(
            reason_zh=f"至少要有 {_DISTINCT} 个不同的字符",
            reason_en=f"it must hold {_DISTINCT} different characters",
        )
    if _classes(password) < rules.classes:
        raise WeakPassword(
            reason_zh=f"须含小写字母、大写字母、数字、其他字符中的 {rules.classes} 类",
            reason_en=(
                f"it must hold {rules.classes} of: small letters, capitals, digits, other characters"
            ),
        )


def _classes(password: str) -> int:
    return len(
        {
            (c.islower(), c.isupper(), c.isdigit()) if c.isascii() else (False, False, False)
            for c in password
        }
    )
