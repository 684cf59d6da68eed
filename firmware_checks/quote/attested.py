"""What a TPM signs as a quote, read strictly: nonce, registers chosen, and the digest over them."""

from dataclasses import dataclass
from typing import Final

from firmware_checks.eventlog.algorithms import Algorithm, known
from firmware_checks.quote.errors import QuoteMalformed

MAX_BYTES: Final = 1024
_MAGIC: Final = 0xFF544347
_QUOTE: Final = 0x8018
_MAX_SELECT: Final = 4


@dataclass(frozen=True, slots=True)
class Attested:
    """TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (TPM 2.0 Library 1.59, part 2, 10.12).

    Attributes:
        nonce: What the asker gave.
        resets: How often the TPM was reset; one more after each boot.
        restarts: How often it was resumed since.
        firmware: The TPM's own firmware version.
        bank: The bank of the chosen registers.
        pcrs: Which registers were chosen, ascending.
        digest: Hash over their values in that order.
    """

    nonce: bytes
    resets: int
    restarts: int
    firmware: int
    bank: Algorithm
    pcrs: tuple[int, ...]
    digest: bytes


class _Reader:
    """Big-endian fields; what leads beyond the end is refused."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise QuoteMalformed(reason="it ends too early")
        self._at += count
        return part

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def sized(self) -> bytes:
        return self.take(self.number(2))

    def end(self) -> None:
        if self._at != len(self._data):
            raise QuoteMalformed(reason="bytes stand behind it")


def parse(data: bytes) -> Attested:
    """Reads the signed bytes of a quote over the registers of one bank.

    Raises:
        QuoteMalformed: Anything else.
    """
    if len(data) > MAX_BYTES:
        raise QuoteMalformed(reason=f"it has more than {MAX_BYTES} bytes")
    reader = _Reader(data)
    if reader.number(4) != _MAGIC or reader.number(2) != _QUOTE:
        raise QuoteMalformed(reason="a TPM did not make it, or not as a quote")
    reader.sized()  # the name of the signing key
    nonce = reader.sized()
    reader.take(8)  # the clock
    resets, restarts = reader.number(4), reader.number(4)
    reader.take(1)  # whether the clock is safe
    firmware = reader.number(8)
    if reader.number(4) != 1:
        raise QuoteMalformed(reason="it is not over exactly one bank")
    bank = known(reader.number(2))
    size = reader.number(1)
    if bank is None or size > _MAX_SELECT:
        raise QuoteMalformed(reason="the bank is not known")
    chosen = int.from_bytes(reader.take(size), "little")
    digest = reader.sized()
    reader.end()
    pcrs = tuple(pcr for pcr in range(8 * size) if chosen >> pcr & 1)
    return Attested(nonce, resets, restarts, firmware, bank, pcrs, digest)
