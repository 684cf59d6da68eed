"""The site of an installation: where the checkout, the caches and the state directory are."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

ENGINE_VERSION = "0.3.36"


@dataclass(frozen=True, slots=True)
class Site:
    """Every place that the installer touches, from three roots."""

    checkout: Path
    cache: Path
    state: Path

    @property
    def pins(self) -> Path:
        """The exact versions of every Python package."""
        return self.checkout / "constraints.txt"

    @property
    def wheels(self) -> Path:
        """Packages shipped beside the checkout for machines with no network; may be absent."""
        return self.checkout / "offline"

    @property
    def environment(self) -> Path:
        """The virtual environment, named after pins and interpreter: a change of one makes a new."""
        told = f"{sys.version}\n{sys.base_prefix}\n".encode()
        digest = hashlib.sha256(told + self.pins.read_bytes()).hexdigest()[:12]
        return self.cache / "env" / digest

    @property
    def environment_link(self) -> Path:
        """Where the launcher looks for the environment."""
        return self.checkout / ".venv"

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.environment / "bin" / "python"

    @property
    def engine(self) -> Path:
        """llama.cpp, built from the source that the pinned llama-cpp-python carries."""
        return self.cache / "engine" / f"llama.cpp-{ENGINE_VERSION}"

    @property
    def journal(self) -> Path:
        """The journal of this box's installation."""
        return self.state / "installer" / "journal.ndjson"

    @property
    def log(self) -> Path:
        """The whole output of every program that a step ran."""
        return self.state / "installer" / "install.log"
