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


def look(
    root: Path = Path("/"),
    clock: Callable[[], float] = time.time,
    shelves: Iterable[Path] = (),
) -> Facts:
    """What is to be known of the machine whose files stand below `root`.

    Synchronous; returns within about six seconds even when a driver or a program hangs. Facts that
    need root come out as unread for other users.

    Args:
        root: "/" for this machine, or the directory of a captured one. In a captured one, files
            below capture/ stand for what drivers and programs answered (docs/operate/firmware.md).
        clock: The system clock, seconds since 1970.
        shelves: Folders with baselines (*.json) and GPU manifests (*.swidtag) of vendors, in them or
            in their "files"; the caller has verified the signatures.

    Raises:
        RootUnusable: `root` is no directory.
    """
    try:
        usable = root.is_dir()
    except OSError:
        usable = False
    if not usable:
        raise RootUnusable(root=str(root))
    return gather(Tree(root), clock, shelves=tuple(shelves))


def run_checks(
    root: Path = Path("/"),
    clock: Callable[[], float] = time.time,
    shelves: Iterable[Path] = (),
) -> Report:
    """Checks the machine whose files stand below `root`; arguments and errors as in `look`.

    Returns:
        The report over all checks of the catalogue.
    """
    return judge(look(root, clock, shelves))


def judge(facts: Facts, checks: Iterable[Check] = CHECKS) -> Report:
    """The report on facts that were gathered before."""
    return Report(tuple(Finding(check, check.judge(facts)) for check in checks))
