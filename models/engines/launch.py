"""One started engine: its files written, its process kept, its address known."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from models.engines.engine import Address, Engine, EngineSpec, LoadStep
from models.engines.explain import UNANSWERED, Failure
from models.engines.log_filter import LogFilter
from models.engines.memory import resident_bytes
from models.engines.process import Exit, KeptProcess, Listening, ProcessKeeper
from models.errors import EngineFailed

# sun_path holds 108 bytes with the NUL.
_MAX_SOCKET_PATH: Final = 107
_READ_AT_MOST: Final = 0.85


class Running:
    """A launched engine, or one that somebody else runs."""

    def __init__(
        self,
        address: Address,
        process: KeptProcess | None,
        model_bytes: int,
        progress: "Progress | None" = None,
    ) -> None:
        self.address = address
        self._process = process
        self._model_bytes = model_bytes
        self._progress = progress
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

    def seal(self) -> None:
        """Its log may hold text of requests from now on."""
        if self._process is not None:
            self._process.seal()

    async def reason(self) -> Failure:
        """Why the process ended."""
        if self._exit is None:
            return UNANSWERED
        return (await self._exit).reason

    def phase(self) -> str:
        """The phase of loading that its log told last, "" before the first."""
        return self._progress.phase if self._progress else ""

    def progress(self) -> float:
        """How much of the way to the first answer is done, 0 to 0.99.

        What the engine's log says counts. Where it tells no share, resident bytes against the size
        of the weights do: read or mapped, they turn resident on the way.
        """
        told = self._progress.share if self._progress else 0.0
        if self._process is None:
            return 0.0
        held = resident_bytes(self._process.pid) if self._model_bytes else 0
        read = min(held / self._model_bytes, _READ_AT_MOST) if held else 0.0
        return min(0.99, max(told, read))

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


class Progress:
    """The furthest that an engine's log has told; it never goes back."""

    def __init__(self, read: Callable[[str], LoadStep | None]) -> None:
        self._read = read
        self.phase = ""
        self.share = 0.0

    def hear(self, line: str) -> None:
        """Takes one line; nothing of it is kept but the step."""
        step = self._read(line)
        if step is None:
            return
        share = self.share if step.share is None else step.share
        if share >= self.share:
            self.phase, self.share = step.phase, share


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
    progress = Progress(engine.load_step)
    listening = Listening(LogFilter((spec.secret,)), progress.hear, guarded=engine.spawns)
    process = await keeper.start(
        engine.argv(placed), engine.env(placed), cwd=spec.runtime_dir, listening=listening
    )
    # The guard's own memory says nothing about the weights.
    weights = 0 if engine.spawns else _size(spec.model_path)
    return Running(placed.address, process, weights, progress)


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
