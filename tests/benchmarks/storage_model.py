"""A model in the vault against the same file on plain disk: mapped, loaded and served.

The mount is the product's own (`GocryptfsMount`), the engine llama-server with the product's own command
line. Rates of one file are compared warm, with its pages in memory, because that is how a box that has
begun to serve finds it; cold rates are told beside them and have no goal.
"""

import asyncio
import contextlib
import mmap
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from appliance.settings.layout import StateLayout
from appliance.vault.mount import GocryptfsMount
from models.engines.process import ProcessKeeper
from models.training import model as decoders
from models.training import reference
from models.training import tokenizer as cutting
from models.training.export import write_gguf
from models.training.job import save_model
from models.training.recipe import Shape
from tests.benchmarks.storage_rounds import Noise, judged, ratio_of, told
from tests.benchmarks.storage_serving import Wish, measure_serving, measure_starts

LOAD_GOAL: Final = 0.9
MIB: Final = 1 << 20


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


def read_and_fetch(file: Path) -> int:
    """The same, and every byte fetched from that memory: what `map_through` does to its own."""
    memory, total = np.empty(MIB // 8, np.uint64), 0
    view = memory.data.cast("B")
    with file.open("rb", buffering=0) as stream:
        while count := stream.readinto(view):
            memory[: count // 8].sum()
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
    """Mapping through the mount against the mount's own warm read; whether the goal is met.

    read(2) copies into memory that stays in the processor's cache and fetches nothing from it; a map
    has no copy, and page tables to fill. So "read" alone is no measure of a map whose bytes are used.
    """
    noise = Noise()
    cipher = [entry for entry in layout.files_cipher.rglob("*") if entry.is_file()]
    cold = []
    for file, dropped in ((plain, (plain,)), (inside, (inside, *cipher))):
        forget(*dropped)
        cold.append(rate(read_through, file))
    ways = {
        "read": (read_through, inside),
        "read and fetched": (read_and_fetch, inside),
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
    # Both bring every byte to the processor out of the same mount, so that only the way differs.
    loaded = ratio_of(rates["mapped"], rates["read and fetched"])
    met = judged("every byte by the map / by reading", loaded, LOAD_GOAL)
    told("mapped, each page there / copied by read", ratio_of(rates["mapped only"], rates["read"]))
    told("every byte by the map / copied by read", ratio_of(rates["mapped"], rates["read"]))
    disk = ratio_of(rates["mapped"], rates["plain mapped"])
    told("the same / mapped on plain disk", disk)
    noise.told()
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
        met = True
        if wish.model is None:
            met = measure_loading(layout, plain, inside, wish.rounds)
        files = (plain, inside)
        asyncio.run(measure_starts(wish, Path(name), files))
        return asyncio.run(measure_serving(wish, Path(name), files)) and met
