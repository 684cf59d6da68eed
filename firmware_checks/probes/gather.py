"""Runs all probes side by side, cuts off those that hang, and returns the facts."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import MappingProxyType
from typing import Any, Final

from firmware_checks.facts import Facts, Reason, Unread
from firmware_checks.probes import (
    accelerators,
    attestation,
    baseline,
    boot,
    devices,
    efi_programs,
    gpu,
    hardware,
    kernel,
    measured,
    platform,
    storage,
)
from firmware_checks.probes.tree import Tree

CUT_OFF_SECONDS: Final = 5.0
Probe = Callable[[Tree], Any]

PROBES: Final[Mapping[str, Probe]] = MappingProxyType(
    {
        "tpm": boot.tpm,
        "event_log": boot.event_log,
        "secure_boot": boot.secure_boot,
        "kernel": kernel.kernel,
        "cpu": hardware.cpu,
        "vulnerabilities": kernel.vulnerabilities,
        "memory": hardware.memory,
        "iommu": hardware.iommu,
        "dmi": hardware.dmi,
        "mounts": storage.mounts,
        "swaps": storage.swaps,
        "core_dumps": kernel.core_dumps,
        "gpu": gpu.gpu,
        "gpu_evidence": attestation.evidence,
        "hsi": platform.hsi,
        "dma": platform.dma,
        "hardening": platform.hardening,
        "bmc": devices.bmc,
        "nvme": devices.nvme,
        "nics": devices.nics,
        "usb": platform.usb,
        "chassis": platform.chassis,
        "luks": devices.luks,
        "accelerators": accelerators.accelerators,
        "golden": baseline.golden,
        "ima": measured.ima,
        "quote": measured.quote,
        "confidential": measured.confidential,
        "programs": efi_programs.known_programs,
    },
)


def gather(
    tree: Tree,
    now: Callable[[], float],
    *,
    probes: Mapping[str, Probe] = PROBES,
    cut_off: float = CUT_OFF_SECONDS,
    shelves: tuple[Path, ...] = (),
) -> Facts:
    """Every fact about the machine below `tree`.

    Each probe runs on a thread of its own: a driver that hangs holds that thread and nothing else.
    The threads are daemons, so a hung one does not keep the program from ending.

    Args:
        tree: The machine to look at.
        now: The system clock, seconds since 1970.
        probes: Field of Facts -> probe; the clock is added to them.
        cut_off: Seconds after which a probe counts as hung.
        shelves: Folders with baselines and manifests of vendors, whose signatures were verified.

    Returns:
        Facts in which every probe that hung or broke is Unread.
    """
    everyone = {**probes, "clock": lambda tree: hardware.clock(tree, now)}
    if shelves:
        everyone["golden"] = partial(baseline.golden, shelves=shelves)
        everyone["gpu_evidence"] = partial(attestation.evidence, shelves=shelves)
    answers: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    threads = {
        name: Thread(
            target=_run, args=(name, probe, tree, answers), name=f"probe {name}", daemon=True
        )
        for name, probe in everyone.items()
    }
    for thread in threads.values():
        thread.start()
    end = time.monotonic() + cut_off
    for thread in threads.values():
        thread.join(max(0.0, end - time.monotonic()))
    found: dict[str, Any] = {}
    hung = {name for name, thread in threads.items() if thread.is_alive()}
    while not answers.empty():
        name, answer = answers.get()
        found[name] = answer
    return Facts(**{name: _fact(name, found, hung, cut_off) for name in everyone})


def _run(name: str, probe: Probe, tree: Tree, answers: SimpleQueue[tuple[str, Any]]) -> None:
    answers.put((name, probe(tree)))


def _fact(name: str, found: Mapping[str, Any], hung: set[str], cut_off: float) -> Any:
    if name in found:
        return found[name]
    if name in hung:
        return Unread(Reason.TIMED_OUT, f"probe {name}", f"no answer within {cut_off:g} s")
    return Unread(Reason.FAILED, f"probe {name}", "the probe broke off")
