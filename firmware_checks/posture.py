"""Runs every check on one machine: gathers facts, judges them, and returns the report."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from firmware_checks.catalogue import CHECKS
from firmware_checks.check import Check
from firmware_checks.errors import RootUnusable
from firmware_checks.facts import Facts
from firmware_checks.probes.gather import gather
from firmware_checks.probes.tree import Tree
from firmware_checks.report import Finding, Report


def run_checks(root: Path = Path("/"), clock: Callable[[], float] = time.time) -> Report:
    """Checks the machine whose files stand below `root`.

    Synchronous; returns within about six seconds even when a driver hangs. Facts that need root
    come out as "could not check" for other users.

    Args:
        root: "/" for this machine, or the directory of a captured one. In a captured one,
            capture/nvml.json stands for NVML and capture/clock (seconds since 1970) for the clock.
        clock: The system clock, seconds since 1970.

    Returns:
        The report over all checks of the catalogue.

    Raises:
        RootUnusable: `root` is no directory.
    """
    try:
        usable = root.is_dir()
    except OSError:
        usable = False
    if not usable:
        raise RootUnusable(root=str(root))
    return judge(gather(Tree(root), clock))


def judge(facts: Facts, checks: Iterable[Check] = CHECKS) -> Report:
    """The report on facts that were gathered before."""
    return Report(tuple(Finding(check, check.judge(facts)) for check in checks))
