"""The site of an installation: where the checkout, the caches and the state directory are."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

ENGINE_VERSION = "0.3.36"
MADE_FOR = "made-for"
"""The file in a shipped environment that holds the digest of the pins that it was made from."""


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
    def shipped(self) -> bool:
        """Whether an environment and an engine for these very pins came beside the checkout, ready to run."""
        made_for = self.wheels / "environment" / MADE_FOR
        try:
            fits = made_for.read_text(encoding="ascii").strip() == pins_digest(self.pins)
        except OSError:
            return False
        return fits and (self.wheels / "engine" / self._engine_name / "built.json").exists()

    @property
    def environment(self) -> Path:
        """The virtual environment, named after pins and interpreter: a change of one makes a new."""
        if self.shipped:
            return self.wheels / "environment"
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
        roots = self.wheels if self.shipped else self.cache
        return roots / "engine" / self._engine_name

    @property
    def _engine_name(self) -> str:
        return f"llama.cpp-{ENGINE_VERSION}"

    @property
    def journal(self) -> Path:
        """The journal of this box's installation."""
        return self.state / "installer" / "journal.ndjson"

    @property
    def log(self) -> Path:
        """The whole output of every program that a step ran."""
        return self.state / "installer" / "install.log"


def pins_digest(pins: Path) -> str:
    """What a shipped environment is bound to: SHA-256 of the pins, in hexadecimal."""
    return hashlib.sha256(pins.read_bytes()).hexdigest()
