"""One started engine: its files written, its process kept, its address known."""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from models.card import Bilingual
from models.engines.engine import Address, Engine, EngineSpec
from models.engines.process import Exit, KeptProcess, ProcessKeeper, resident_bytes
from models.errors import EngineFailed

# sun_path holds 108 bytes with the NUL.
_MAX_SOCKET_PATH: Final = 107


class Running:
    """A launched engine, or one that somebody else runs."""

    def __init__(self, address: Address, process: KeptProcess | None, model_bytes: int) -> None:
        self.address = address
        self._process = process
        self._model_bytes = model_bytes
        self._exit: asyncio.Task[Exit] | None = (
            asyncio.create_task(process.wait()) if process else None
        )

    @property
    def pid(self) -> int | None:
        """Process id; None when it has ended or is somebody else's."""
        return self._process.pid if self._process and self._process.alive else None

    def tail(self) -> tuple[str, ...]:
        """Last lines of its log."""
        return self._process.tail() if self._process else ()

    def exited(self) -> bool:
        """Whether the process has ended."""
        return self._process is not None and not self._process.alive

    async def reason(self) -> Bilingual:
        """Why the process ended."""
        if self._exit is None:
            return Bilingual("外部引擎没有应答", "the external engine does not answer")
        return (await self._exit).reason

    def progress(self) -> float:
        """Share of the model in memory: resident bytes against the size of the weights.

        Weights are mapped, so they turn resident as they are read; the engine itself reports
        nothing while it loads.
        """
        if self._process is None or not self._model_bytes:
            return 0.0
        return min(0.99, resident_bytes(self._process.pid) / self._model_bytes)

    async def pause(self, seconds: float, woken: asyncio.Event) -> None:
        """Sleeps, but not past the end of the process or the moment somebody wakes it."""
        waits = {asyncio.create_task(woken.wait())}
        watched: set[asyncio.Task[Any]] = {*waits, *([self._exit] if self._exit else [])}
        await asyncio.wait(watched, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def end(self, grace_s: float) -> None:
        """Ends the process and removes its socket."""
        if self._process is not None and self._process.alive:
            await self._process.stop(grace_s)
        if self._exit is not None:
            await self._exit
        if self._process is not None and self.address.uds is not None:
            with suppress(OSError):
                self.address.uds.unlink(missing_ok=True)


async def launch(engine: Engine, spec: EngineSpec, keeper: ProcessKeeper) -> Running:
    """Starts an engine.

    Raises:
        EngineMissing: Its program is not installed.
        EngineFailed: Its model is missing or its directory cannot be written.
    """
    if engine.external:
        engine.argv(spec)
        return Running(spec.address, None, 0)
    _check_model(spec.model_path)
    try:
        placed = await asyncio.to_thread(_prepare, engine, spec)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EngineFailed(reason_zh=f"运行目录:{reason}", reason_en=reason) from error
    process = await keeper.start(engine.argv(placed), engine.env(placed), cwd=spec.runtime_dir)
    return Running(placed.address, process, _size(spec.model_path))


def _check_model(path: Path) -> None:
    if not path.exists():
        raise EngineFailed(reason_zh="找不到模型文件", reason_en="the model file is missing")


def _prepare(engine: Engine, spec: EngineSpec) -> EngineSpec:
    """Makes the runtime directory and the secret's file, and settles the address."""
    spec.runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    spec.runtime_dir.chmod(0o700)
    placed = replace(spec, address=_settle(spec.address))
    if placed.address.uds is not None:
        placed.address.uds.unlink(missing_ok=True)
    for path, content in engine.files(placed).items():
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
    return placed


def _settle(address: Address) -> Address:
    if address.uds is not None and len(os.fsencode(address.uds)) <= _MAX_SOCKET_PATH:
        return address
    if address.port and address.uds is None:
        return address
    with socket.socket() as chosen:
        chosen.bind((address.host, 0))
        return Address(host=address.host, port=chosen.getsockname()[1])


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(part.stat().st_size for part in path.glob("*.safetensors"))
