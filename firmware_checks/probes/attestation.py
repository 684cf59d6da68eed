"""Gathers what GPUs attest about themselves, and the manifests to compare it with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from firmware_checks.attestation.evidence import Attested, GpuEvidence, Rejected, attested
from firmware_checks.attestation.manifest import Manifest, verified
from firmware_checks.attestation.spdm import MAX_BYTES, NONCE
from firmware_checks.errors import EvidenceMalformed, EvidenceRefused
from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.probes.nvml import read_reports
from firmware_checks.probes.tree import Tree

MANIFESTS: Final = "/etc/wardbox/gpu-manifests"
CAPTURE: Final = "/capture/gpu-attestation"
_SHELF: Final = ("/", "/files")
_MAX_FILES: Final = 256
_MAX_CHAIN: Final = 64 * 1024


def evidence(tree: Tree, shelves: tuple[Path, ...] = ()) -> Reading[GpuEvidence]:
    """The reports of all GPUs, asked for with a fresh nonce, each verified; and the manifests.

    Manifests stand below /etc/wardbox/gpu-manifests and on the shelves of vendors. A captured machine keeps them below /capture/gpu-attestation as <place>.report and <place>.pem.
    """
    nonce = os.urandom(NONCE) if tree.live else None
    raw = read_reports(nonce) if nonce is not None else _captured(tree)
    if isinstance(raw, Unread):
        return raw
    places = [(tree, MANIFESTS), *((Tree(one), place) for one in shelves for place in _SHELF)]
    manifests, refused = _manifests(places) if raw else ((), ())
    reports = {place: _judged(place, *pair, nonce) for place, pair in raw.items()}
    return GpuEvidence(reports, manifests, refused)


def _judged(
    place: str, report: bytes, chain: bytes, nonce: bytes | None
) -> Reading[Attested | Rejected]:
    try:
        return attested(report, chain, nonce)
    except EvidenceMalformed as error:
        return Unread(Reason.MALFORMED, f"report of GPU {place}", str(error.facts["reason"]))


def _captured(tree: Tree) -> Reading[Mapping[str, tuple[bytes, bytes]]]:
    names = tree.names(CAPTURE)
    if isinstance(names, Unread):
        return names
    found: dict[str, tuple[bytes, bytes]] = {}
    for name in [name for name in names if name.endswith(".report")][:_MAX_FILES]:
        place = name.removesuffix(".report")
        report = tree.data(f"{CAPTURE}/{name}", MAX_BYTES)
        chain = tree.data(f"{CAPTURE}/{place}.pem", _MAX_CHAIN)
        if isinstance(report, Unread):
            return report
        if isinstance(chain, Unread):
            return chain
        found[place] = (report, chain)
    return found


def _manifests(places: list[tuple[Tree, str]]) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    sound: list[Manifest] = []
    refused: list[str] = []
    for tree, folder in places:
        names = tree.names(folder)
        if isinstance(names, Unread):
            continue
        for name in [name for name in names if name.endswith(".swidtag")][:_MAX_FILES]:
            read = _manifest(tree, f"{folder.rstrip('/')}/{name}")
            if isinstance(read, str):
                refused.append(f"{name}: {read}")
            else:
                sound.append(read)
    return tuple(sound), tuple(refused)


def _manifest(tree: Tree, path: str) -> Manifest | str:
    data = tree.data(path)
    if isinstance(data, Unread):
        return data.reason.value
    try:
        return verified(data)
    except (EvidenceMalformed, EvidenceRefused) as error:
        return str(error.facts["reason"])
