"""Waiting after wrong secrets: the wait doubles, survives a restart and ends with a success."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.audit.identifiers import microseconds
from appliance.errors import VaultBackoff
from appliance.vault.errors import VaultDamaged
from appliance.vault.keyfile import write_private
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError

FREE_TRIES: Final = 3
LONGEST_S: Final = 300
_MAX_COUNT: Final = 1_000_000


def wait_after(failures: int) -> int:
    """Seconds to wait after this many failures in a row: 0 for three, then 1, 2, 4 ... 300."""
    if failures < FREE_TRIES:
        return 0
    return min(LONGEST_S, 1 << min(failures - FREE_TRIES, 16))


class Backoff:
    """Counts failures in a small file that holds no secret.

    Args:
        path: the file.
        clock: wall time with a time zone.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock

    def check(self) -> None:
        """Pass, or say how long to wait.

        Raises:
            VaultBackoff: the last failure is too recent.
        """
        failures, last = self._read()
        since = microseconds(self._clock()) // 1_000_000 - last
        # A clock that was set back must not lock anyone out for longer than the wait itself.
        left = wait_after(failures) - max(0, since)
        if left > 0:
            raise VaultBackoff(seconds=left)

    def fail(self) -> int:
        """Count a failure; how many there are in a row now."""
        failures = min(self._read()[0] + 1, _MAX_COUNT)
        now = microseconds(self._clock()) // 1_000_000
        write_private(self._path, canonical_bytes({"failures": failures, "last": now}))
        return failures

    def succeed(self) -> None:
        """Forget all failures."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[int, int]:
        with suppress(FileNotFoundError, SecureComputeError, VaultDamaged):
            value = parse_canonical(self._path.read_bytes()[:4096])
            if isinstance(value, dict) and value.keys() == {"failures", "last"}:
                failures, last = value["failures"], value["last"]
                if type(failures) is int and type(last) is int:
                    return max(0, failures), last
        return 0, 0
