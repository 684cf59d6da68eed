"""The citizen identity number: its check digit, birth date and sex (GB 11643-1999)."""

import datetime as dt
import re

_SHAPE = re.compile(r"[1-9][0-9]{16}[0-9X]")
_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))


def check_digit(first17: str) -> str:
    """The eighteenth character for seventeen digits (ISO 7064 MOD 11-2, as GB 11643 asks)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def number_is_valid(number: str) -> bool:
    """Whether a number has the shape, a real birth date and the right check digit."""
    if not _SHAPE.fullmatch(number) or birth_date(number) is None:
        return False
    return check_digit(number[:17]) == number[17]


def birth_date(number: str) -> dt.date | None:
    """The birth date inside a number of eighteen characters; None when there is no such day."""
    try:
        return dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def sex(number: str) -> str:
    """The sex that the seventeenth digit says: odd is 男, even is 女."""
    return "男" if int(number[16]) % 2 else "女"


def age_on(born: dt.date, day: dt.date) -> int:
    """Full years lived on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
