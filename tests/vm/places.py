"""Where the whole-machine test keeps what it builds, and what it leaves behind."""

import os
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Places:
    """Two roots: a cache that outlives the runs, and the directory of one run.

    Args:
        cache: images that take minutes to build, named after what they are made of.
        run: disks, variable stores, the TPM's state and logs of one run.
    """

    cache: Path
    run: Path

    @property
    def steps(self) -> Path:
        """Which steps of this run are done."""
        return self.run / "steps.json"

    @property
    def log(self) -> Path:
        """The log of the scenes."""
        return self.run / "scenes.log"

    @property
    def console(self) -> Path:
        """What the machine wrote to its serial console, over all boots."""
        return self.run / "console.log"

    @property
    def stick(self) -> Path:
        """The image of the vendor's stick."""
        return self.run / "stick.img"

    @property
    def tpm(self) -> Path:
        """The state of the emulated TPM."""
        return self.run / "tpm"

    @property
    def monitor(self) -> Path:
        """The emulator's own socket."""
        return self.run / "monitor.sock"

    def kept(self, name: str) -> Path:
        """What was kept of the machine before a scene, beside the snapshots inside its disks."""
        return self.run / "kept" / name

    def disk(self, name: str) -> Path:
        """One disk of the machine."""
        return self.run / f"{name}.qcow2"

    def variables(self, name: str) -> Path:
        """One store of UEFI variables."""
        return self.run / f"{name}.vars.fd"


def default_cache() -> Path:
    """Beside the other caches of WardBox."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "wardbox" / "vm"
