"""A key in the hands of several people: any k of n shares make it, fewer tell nothing (Shamir 1979).

The arithmetic is pycryptodomex's over GF(2^128), which takes 16 bytes; a key of 32 is shared as two
halves with polynomials of their own. A share names its set, k, n and its number, so that shares of
different sets and a share given twice are told before anything is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from secure_compute.errors import KeyMalformed
from secure_compute.groups import grouped, ungrouped
from secure_compute.secret import Secret
from secure_compute.slot_errors import ShareMistyped, SharesTooFew, SharesUnfit

SIZE: Final = 32
FEWEST: Final = 2
MOST: Final = 16
_HALF: Final = 16
_VERSION: Final = 1
_BYTES: Final = 40


@dataclass(frozen=True, slots=True)
class Share:
    """One share.

    Attributes:
        set_id: 8 hexadecimal digits, the same in all shares of a set.
        needed: How many make the key (k).
        count: How many there are (n).
        number: Which one this is, from 1.
        value: 32 bytes; tell nothing without the others.
    """

    set_id: str
    needed: int
    count: int
    number: int
    value: bytes = field(repr=False)

    def text(self) -> str:
        """16 groups of 5 signs, for paper."""
        head = bytes((_VERSION, self.needed, self.count, self.number))
        return grouped(bytes.fromhex(self.set_id) + head + self.value)

    @classmethod
    def parse(cls, text: str, place: int = 1) -> Self:
        """Read a share as a person types it.

        Args:
            text: What was typed.
            place: Which of the entered shares it is, for the refusal.

        Raises:
            ShareMistyped: The text cannot be a share; the sentence names the group.
        """

        def refuse(zh: str, en: str) -> ShareMistyped:
            return ShareMistyped(place=place, reason_zh=zh, reason=en)

        data = ungrouped(text, _BYTES, refuse)
        version, needed, count, number = data[4:8]
        if version != _VERSION:
            raise refuse("版本未知", "its version is unknown")
        if not (FEWEST <= needed <= count <= MOST and 1 <= number <= count):
            raise refuse("编号不合理", "its numbers make no sense")
        return cls(data[:4].hex(), needed, count, number, data[8:])


def split(key: Secret, needed: int, count: int) -> tuple[Share, ...]:
    """Shares of a 32-byte key.

    Args:
        key: What is shared.
        needed: How many shall make it, at least 2.
        count: How many there shall be, at most 16.

    Raises:
        SharesUnfit: The numbers make no sense.
        KeyMalformed: The key has another size.
    """
    from Cryptodome.Protocol.SecretSharing import Shamir  # noqa: PLC0415  # loaded when needed

    if len(key) != SIZE:
        raise KeyMalformed(reason="the key has {size} bytes", size=len(key))
    if not FEWEST <= needed <= count <= MOST:
        raise SharesUnfit(
            reason_zh=f"须有 2 ≤ k ≤ n ≤ {MOST}", reason=f"2 <= k <= n <= {MOST} must hold"
        )
    data = key.reveal()
    halves = [Shamir.split(needed, count, part, False) for part in (data[:_HALF], data[_HALF:])]
    set_id = Secret.random(4).reveal().hex()
    return tuple(
        Share(set_id, needed, count, number, left + right)
        for (number, left), (_, right) in zip(*halves, strict=True)
    )


def combine(shares: Sequence[Share]) -> Secret:
    """The key that shares make; shares that were altered make another one.

    Raises:
        SharesTooFew: They go together, but more are needed.
        SharesUnfit: One twice, or of different sets; the sentence names which.
    """
    from Cryptodome.Protocol.SecretSharing import Shamir  # noqa: PLC0415  # loaded when needed

    if not shares:
        raise SharesUnfit(reason_zh="没有份额", reason="there are none")
    first = shares[0]
    for place, share in enumerate(shares, 1):
        if (share.set_id, share.needed, share.count) != (first.set_id, first.needed, first.count):
            raise SharesUnfit(
                reason_zh=f"第 {place} 份属于另一套({share.set_id},其余为 {first.set_id})",
                reason=f"the one entered as number {place} is of set {share.set_id}, not of "
                f"{first.set_id}",
            )
    numbers = [share.number for share in shares]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise SharesUnfit(reason_zh=f"{twice} 号份额输入了两次", reason=f"share {twice} came twice")
    if len(shares) < first.needed:
        raise SharesTooFew(
            needed=first.needed,
            here=len(shares),
            count=first.count,
            progress=len(shares) / first.needed,
        )
    used = shares[: first.needed]
    left = Shamir.combine([(share.number, share.value[:_HALF]) for share in used], False)
    right = Shamir.combine([(share.number, share.value[_HALF:]) for share in used], False)
    return Secret(left + right)
