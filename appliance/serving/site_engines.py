"""The engines of a site: what was declared and installed, as files beside the settings."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.engines.declaration import MAX_BYTES, Declaration, read_declaration
from models.engines.errors import DeclarationRefused, EngineUndeclared

_SUFFIX: Final = ".engine"
_VLLM: Final = "vllm*"


@dataclass(frozen=True, slots=True)
class SiteEngines:
    """Reads and keeps `engines.d`: one file per declaration, one link per installed environment.

    Only somebody with the files of the box can declare an engine: no route does, because a
    declaration may name a program to run.

    Args:
        directory: `engines.d` in the state directory; may be absent.
    """

    directory: Path

    def declared(self) -> tuple[Declaration, ...]:
        """Every declaration, by name.

        Raises:
            DeclarationRefused: one of the files was changed by hand and does not follow the form.
        """
        found = sorted(self.directory.glob(f"*{_SUFFIX}"))
        return tuple(read_declaration(path.read_bytes()) for path in found)

    def environments(self) -> Mapping[str, Path]:
        """Interpreters of installed environments by flavour; a broken link is not installed."""
        found = {path.name: path / "bin/python" for path in sorted(self.directory.glob(_VLLM))}
        return {flavour: python for flavour, python in found.items() if python.exists()}

    def declare(self, source: Path) -> Declaration:
        """Keep a declaration, replacing one of the same name.

        Raises:
            DeclarationRefused: it does not follow the form, or a model is declared by another.
            OSError: the source cannot be read or the directory cannot be written.
        """
        with source.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        declaration = read_declaration(raw)
        self._no_rival(declaration)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=self.directory, prefix=".draft-")
        with os.fdopen(descriptor, "wb") as kept:
            kept.write(raw)
            kept.flush()
            os.fsync(descriptor)
        Path(draft).replace(self._file(declaration.name))
        return declaration

    def forget(self, name: str) -> None:
        """Drop a declaration; an engine that runs by it ends with its last request.

        Raises:
            EngineUndeclared: there is none of this name.
        """
        if name not in {one.name for one in self.declared()}:
            raise EngineUndeclared(name=ascii(name))
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.directory / f"{name}{_SUFFIX}"

    def _no_rival(self, declaration: Declaration) -> None:
        for other in self.declared():
            taken = set(other.models) & set(declaration.models)
            if other.name != declaration.name and taken:
                names = ", ".join(sorted(taken))
                raise DeclarationRefused(
                    field="models",
                    reason_zh=f"{names} 已由 {other.name} 声明",
                    reason_en=f"{names} is declared by {other.name}",
                )
