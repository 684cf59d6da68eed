"""Finds the golden baseline of this machine's model among those that were delivered to it."""

from typing import Final

from firmware_checks.errors import BaselineMalformed
from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.golden import MAX_BYTES, Golden, parse
from firmware_checks.probes.tree import Tree

FOLDER: Final = "/etc/wardbox/firmware-baselines"
_MAX_FILES: Final = 64


def golden(tree: Tree) -> Reading[Golden]:
    """The baseline whose vendor and product are those of the machine.

    Baselines stand below /etc/wardbox/firmware-baselines, put there after their signature was
    verified; two for one model are none, since nobody could tell which of them counts.
    """
    read = _all(tree)
    if isinstance(read, Unread):
        return read
    vendor = tree.text("/sys/class/dmi/id/sys_vendor")
    product = tree.text("/sys/class/dmi/id/product_name")
    if isinstance(vendor, Unread):
        return vendor
    if isinstance(product, Unread):
        return product
    model = (vendor.strip(), product.strip())
    matching = [one for one in read if (one.vendor, one.product) == model]
    if not matching:
        return Unread(Reason.ABSENT, FOLDER, "no baseline is for this model of machine")
    if len(matching) > 1:
        return Unread(Reason.MALFORMED, FOLDER, "several baselines are for this model")
    return matching[0]


def _all(tree: Tree) -> Reading[list[Golden]]:
    names = tree.names(FOLDER)
    if isinstance(names, Unread):
        return names
    found: list[Golden] = []
    for name in [name for name in names if name.endswith(".json")][:_MAX_FILES]:
        read = _parsed(tree, f"{FOLDER}/{name}")
        if isinstance(read, Unread):
            return read
        found.append(read)
    return found


def _parsed(tree: Tree, path: str) -> Reading[Golden]:
    data = tree.data(path, MAX_BYTES)
    if isinstance(data, Unread):
        return data
    try:
        return parse(data)
    except BaselineMalformed as error:
        return Unread(Reason.MALFORMED, path, str(error.facts["reason"]))
