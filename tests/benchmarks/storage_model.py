"""A model in the vault against the same file on plain disk: mapped, loaded and served.

The mount is the product's own (`GocryptfsMount`), the engine llama-server with the product's own command
line. Rates of one file are compared warm, with its pages in memory, because that is how a box that has
begun to serve finds it; cold rates are told beside them and have no goal.
"""

import asyncio
import contextlib
import http.client
import json
import mmap
import os
import secrets
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.settings.layout import StateLayout
from appliance.vault.mount import GocryptfsMount
from models.engines.engine import Address, EngineSpec, Placement
from models.engines.llama_cpp import LlamaCpp
from models.engines.process import ProcessKeeper
from models.training import model as decoders
from models.training import reference
from models.training import tokenizer as cutting
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.recipe import Shape
from tests.benchmarks.storage_rounds import judged, ratio_of, told

LOAD_GOAL: Final = 0.9
SERVE_GOAL: Final = 0.98
MIB: Final = 1 << 20
PROMPT: Final = "患者,女,72 岁,右眼视物模糊两年。" * 12
_WAIT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is measured and how often."""

    server: Path
    model: Path | None
    layers: int
    rounds: int
    tokens: int
    threads: int


@contextlib.contextmanager
def mounted(place: Path) -> Iterator[StateLayout]:
    """A vault's files below `place`, as the box mounts them."""
    layout, key = StateLayout(place / "state"), os.urandom(32)
    vault = GocryptfsMount(layout, ProcessKeeper())
    vault.prepare(key)
    vault.mount(key)
    try:
        yield layout
    finally:
        vault.unmount()


def write_random_model(target: Path, layers: int) -> None:
    """Write a model without sense but of a size that says something: 16-bit weights, 25 MB a layer."""
    folder = target.with_suffix(".made")
    tokenizer = reference.tokenizer(1, Shape().vocabulary)
    end, padding = cutting.end_and_padding(tokenizer)
    shape = Shape(
        vocabulary=tokenizer.get_vocab_size(),
        width=1024,
        layers=layers,
        heads=16,
        kv_heads=8,
        feed_forward=3072,
    )
    save_model(decoders.build(shape, seed=1, eos=end, pad=padding), folder)
    cutting.save(tokenizer, folder)
    write_gguf(folder, target, name="bench", file_type="F16")
    shutil.rmtree(folder)


# Reading ------------------------------------------------------------------------------------------


def forget(*files: Path) -> None:
    """Have the kernel drop the pages of some files, and of no others."""
    for file in files:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_through(file: Path) -> int:
    """The whole file by read(2), a MiB at a time into the same memory."""
    memory, total = bytearray(MIB), 0
    with file.open("rb", buffering=0) as stream:
        while count := stream.readinto(memory):
            total += count
    return total


def map_through(file: Path) -> int:
    """The whole file as llama.cpp maps it (shared, populated), and every byte fetched from there."""
    return _mapped(file, 1)


def map_only(file: Path) -> int:
    """Mapped the same way, and one word fetched of every page: llama-server does no more to load it."""
    return _mapped(file, mmap.PAGESIZE // 8)


def _mapped(file: Path, step: int) -> int:
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    with (
        file.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, flags=flags, prot=mmap.PROT_READ) as pages,
    ):
        view = np.frombuffer(pages, np.uint64, count=len(pages) // 8)
        view[::step].sum()
        total = len(pages)
        del view  # the mapping does not close while somebody looks into it
    return total


def rate(work: Callable[[Path], int], file: Path) -> float:
    """Bytes a second."""
    began = time.perf_counter()
    return work(file) / (time.perf_counter() - began)


def measure_loading(layout: StateLayout, plain: Path, inside: Path, rounds: int) -> bool:
    """Mapping through the mount against the mount's own warm read; whether the goal is met."""
    cipher = [entry for entry in layout.files_cipher.rglob("*") if entry.is_file()]
    cold = []
    for file, dropped in ((plain, (plain,)), (inside, (inside, *cipher))):
        forget(*dropped)
        cold.append(rate(read_through, file))
    ways = {
        "read": (read_through, inside),
        "mapped": (map_through, inside),
        "mapped only": (map_only, inside),
        "plain read": (read_through, plain),
        "plain mapped": (map_through, plain),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(2 * rounds + 1):
        for name in ways if number % 2 else reversed(ways):
            speed = rate(*ways[name])
            if number:  # the first round warms
                rates[name].append(speed)
    print(
        f"loading, {2 * rounds} rounds: cold read {cold[0] / 1e9:.2f} GB/s plain, {cold[1] / 1e9:.2f} vault;"
    )
    print(
        "  warm "
        + ", ".join(
            f"{name} {statistics.median(values) / 1e9:.2f}" for name, values in rates.items()
        )
    )
    fetched = ratio_of(rates["mapped"], rates["read"])
    met = judged("mapped, every byte / the mount's own read", fetched, LOAD_GOAL)
    told("mapped, a word of each page / the same", ratio_of(rates["mapped only"], rates["read"]))
    told(
        "mapped, every byte / the same on plain disk",
        ratio_of(rates["mapped"], rates["plain mapped"]),
    )
    return met


# Serving ------------------------------------------------------------------------------------------


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _spec(file: Path, place: Path, threads: int) -> EngineSpec:
    runtime = place / f"engine-{secrets.token_hex(4)}"
    runtime.mkdir(mode=0o700)
    placement = Placement(threads=threads, slots=1, context=1024)
    address = Address(port=_free_port())
    return EngineSpec("bench", file, address, secrets.token_hex(16), runtime, placement)


def _ask(spec: EngineSpec, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    line = http.client.HTTPConnection(spec.address.host, spec.address.port, timeout=_WAIT_S)
    try:
        head = {"Authorization": f"Bearer {spec.secret}", "Content-Type": "application/json"}
        line.request("POST" if body else "GET", path, json.dumps(body) if body else None, head)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def _ready(spec: EngineSpec) -> bool:
    with contextlib.suppress(OSError):
        return _ask(spec, "/health")[0] == 200
    return False


@contextlib.asynccontextmanager
async def engine(wish: Wish, file: Path, place: Path) -> AsyncIterator[tuple[EngineSpec, float]]:
    """A server with a model, and the seconds from its start until it was ready."""
    engines = LlamaCpp(wish.server)
    spec = _spec(file, place, wish.threads)
    for name, text in engines.files(spec).items():
        name.write_text(text)
    began = time.perf_counter()
    child = await ProcessKeeper().start(engines.argv(spec), engines.env(spec), cwd=spec.runtime_dir)
    try:
        while not await asyncio.to_thread(_ready, spec):
            if not child.alive or time.perf_counter() - began > _WAIT_S:
                raise SystemExit("llama-server did not come up:\n" + "\n".join(child.tail()))
            await asyncio.sleep(0.005)
        yield spec, time.perf_counter() - began
    finally:
        await child.stop()


def _speeds(spec: EngineSpec, tokens: int) -> tuple[float, float]:
    """Tokens a second: written, read."""
    body = {"prompt": PROMPT, "n_predict": tokens, "ignore_eos": True, "temperature": 0.0}
    status, answer = _ask(spec, "/completion", body | {"cache_prompt": False})
    assert status == 200, answer
    assert answer["timings"]["predicted_n"] == tokens
    return answer["timings"]["predicted_per_second"], answer["timings"]["prompt_per_second"]


async def measure_serving(wish: Wish, place: Path, plain: Path, inside: Path) -> bool:
    """Starts and tokens a second, turn by turn; whether serving meets its goal."""
    starts: tuple[list[float], list[float]] = ([], [])
    files = (plain, inside)
    for number in range(max(2, wish.rounds // 3)):
        for which in (0, 1) if number % 2 else (1, 0):
            async with engine(wish, files[which], place) as (_, seconds):
                starts[which].append(seconds)
    written: tuple[list[float], list[float]] = ([], [])
    read: tuple[list[float], list[float]] = ([], [])
    async with engine(wish, plain, place) as (one, _), engine(wish, inside, place) as (other, _):
        for number in range(wish.rounds + 1):
            for which in (0, 1) if number % 2 else (1, 0):
                both = await asyncio.to_thread(_speeds, (one, other)[which], wish.tokens)
                if number:  # the first round warms both up
                    written[which].append(both[0])
                    read[which].append(both[1])
    speeds = [statistics.median(rates) for rates in (*written, *read)]
    print(
        f"serving, {wish.rounds} rounds: {speeds[0]:.1f} tokens/s plain, {speeds[1]:.1f} vault;"
        f" prompts {speeds[2]:.0f} and {speeds[3]:.0f};"
        f" warm start {min(starts[0]):.2f} s and {min(starts[1]):.2f} s"
    )
    met = judged("tokens/s, vault / plain disk", ratio_of(written[1], written[0]), SERVE_GOAL)
    told("prompt tokens/s, the same", ratio_of(read[1], read[0]))
    told("warm start of llama-server, the same (speed)", ratio_of(starts[0], starts[1]))
    return met


def measure(place: Path, wish: Wish) -> bool:
    """Print the ratios of one model; whether both goals are met."""
    with (
        tempfile.TemporaryDirectory(dir=place, prefix="model-") as name,
        mounted(Path(name)) as layout,
    ):
        plain, inside = Path(name) / "bench.gguf", layout.shelf / "bench.gguf"
        if wish.model is None:
            write_random_model(plain, wish.layers)
        else:
            shutil.copy(wish.model, plain)
        began = time.perf_counter()
        shutil.copy(plain, inside)
        forget(inside)
        size, seconds = plain.stat().st_size, time.perf_counter() - began
        what = wish.model.name if wish.model else "made at random"
        print(f"model {what}: {size / 1e6:.0f} MB, brought in at {size / seconds / 1e6:.0f} MB/s")
        met = measure_loading(layout, plain, inside, wish.rounds)
        return asyncio.run(measure_serving(wish, Path(name), plain, inside)) and met
