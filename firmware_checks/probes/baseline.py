"""Finds the golden baseline of this machine's model among those that were delivered to it."""

from pathlib import Path
from typing import Final

from firmware_checks.errors import BaselineMalformed
from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.golden import MAX_BYTES, Golden, parse
from firmware_checks.probes.tree import Tree
from firmware_checks.reading import first_unread

FOLDER: Final = "/etc/wardbox/firmware-baselines"
_MAX_FILES: Final = 64


def golden(tree: Tree, shelves: tuple[Path, ...] = ()) -> Reading[Golden]:
    """The baseline whose vendor and product are those of the machine.

    The hospital's own stand below /etc/wardbox/firmware-baselines and go before those of vendors;
    two for one model in one place are none, since nobody could tell which of them counts.

    Args:
        tree: The machine.
        shelves: Folders of vendors' baselines, verified before they were put there.
    """
    vendor = tree.text("/sys/class/dmi/id/sys_vendor")
    product = tree.text("/sys/class/dmi/id/product_name")
    if isinstance(vendor, Unread):
        return vendor
    if isinstance(product, Unread):
        return product
    model = (vendor.strip(), product.strip())
    own = _matching(tree, (FOLDER,), model)
    if not isinstance(own, Unread) or own.reason is not Reason.ABSENT:
        return own
    for shelf in shelves:
        found = _matching(Tree(shelf), ("/", "/files"), model)
        if not isinstance(found, Unread) or found.reason is not Reason.ABSENT:
            return found
    return own


def _matching(tree: Tree, folders: tuple[str, ...], model: tuple[str, str]) -> Reading[Golden]:
    listed = [(folder, tree.names(folder)) for folder in folders]
    unread = first_unread(*(names for _, names in listed))
    if unread is not None and (unread.reason is not Reason.ABSENT or len(folders) == 1):
        return unread
    paths = [
        f"{folder.rstrip('/')}/{name}"
        for folder, names in listed
        for name in (() if isinstance(names, Unread) else names)
        if name.endswith(".json")
    ]
    matching: list[Golden] = []
    for path in paths[:_MAX_FILES]:
        read = _parsed(tree, path)
        if isinstance(read, Unread):
            return read
        if (read.vendor, read.product) == model:
            matching.append(read)
    if not matching:
        return Unread(Reason.ABSENT, folders[0], "no baseline is for this model of machine")
    if len(matching) > 1:
        return Unread(Reason.MALFORMED, folders[0], "several baselines are for this model")
    return matching[0]


def _parsed(tree: Tree, path: str) -> Reading[Golden]:
    data = tree.data(path, MAX_BYTES)
    if isinstance(data, Unread):
        return data
    try:
        return parse(data)
    except BaselineMalformed as error:
        return Unread(Reason.MALFORMED, path, str(error.facts["reason"]))
