"""Waiting after wrong secrets: the wait doubles, survives a restart and ends with a success."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.errors import VaultBackoff
from appliance.vault.errors import VaultDamaged
from appliance.vault.keyfile import write_private
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError

FREE_TRIES: Final = 3
LONGEST_S: Final = 300
_MAX_COUNT: Final = 1_000_000
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """Time that nobody can set: seconds since this boot, and which boot it is.

    A wall clock that stands at 1970, or is set forward, neither locks anybody out nor shortens a wait.

    Args:
        boot: names the boot.
        seconds: since then, sleep included.
    """

    boot: str
    seconds: Callable[[], float]

    @classmethod
    def of_machine(cls) -> "Uptime":
        """This machine's own."""
        try:
            boot = _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            boot = ""
        return cls(boot, lambda: time.clock_gettime(time.CLOCK_BOOTTIME))


def wait_after(failures: int) -> int:
    """Seconds to wait after this many failures in a row: 0 for three, then 1, 2, 4 ... 300."""
    if failures < FREE_TRIES:
        return 0
    return min(LONGEST_S, 1 << min(failures - FREE_TRIES, 16))


class Backoff:
    """Counts failures in a small file that holds no secret.

    Args:
        path: the file.
        uptime: counts the wait.
    """

    def __init__(self, path: Path, uptime: Uptime) -> None:
        self._path = path
        self._uptime = uptime
        self._unwritten: tuple[int, str, int] | None = None

    def check(self) -> None:
        """Pass, or say how long to wait.

        Raises:
            VaultBackoff: the last failure is too recent.
        """
        failures, boot, last = self._read()
        # Of a failure before this boot it is only sure that it was before: the wait begins with the boot.
        # One that is still to come is of another boot, or a damaged entry: nobody waits for it for ever.
        ours = boot == self._uptime.boot and last <= self._now()
        since = self._now() - (last if ours else 0)
        left = wait_after(failures) - max(0, since)
        if left > 0:
            raise VaultBackoff(seconds=left)

    def fail(self) -> int:
        """Count a failure; how many there are in a row now."""
        failures = min(self._read()[0] + 1, _MAX_COUNT)
        value = {"boot": self._uptime.boot, "failures": failures, "last": self._now()}
        self._unwritten = failures, self._uptime.boot, self._now()
        # Whoever fills the disk may not try for nothing: what cannot be written is counted in memory.
        with suppress(OSError):
            write_private(self._path, canonical_bytes(value))
            self._unwritten = None
        return failures

    def succeed(self) -> None:
        """Forget all failures."""
        self._unwritten = None
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _now(self) -> int:
        return int(self._uptime.seconds())

    def _read(self) -> tuple[int, str, int]:
        if self._unwritten is not None:
            return self._unwritten
        with suppress(FileNotFoundError, SecureComputeError, VaultDamaged):
            value = parse_canonical(self._path.read_bytes()[:4096])
            # Files of older releases have no boot and tell wall time: as from before this boot.
            if isinstance(value, dict) and value.keys() - {"boot"} == {"failures", "last"}:
                failures, last, boot = value["failures"], value["last"], value.get("boot")
                if type(failures) is int and type(last) is int:
                    return max(0, failures), boot if isinstance(boot, str) else "", max(0, last)
        return 0, "", 0
