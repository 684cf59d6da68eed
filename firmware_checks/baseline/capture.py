"""Takes a golden baseline from a machine that is known to be sound."""

from collections.abc import Mapping
from typing import Final

from firmware_checks.errors import BaselineUncapturable
from firmware_checks.eventlog.compare import mismatches
from firmware_checks.eventlog.measured import STRENGTH, Measurement, measurements
from firmware_checks.facts import Facts, Unread, programs_of
from firmware_checks.golden import GOLDEN_REGISTERS, Golden, GoldenEvent, Versions
from firmware_checks.platform_facts import Device
from firmware_checks.reading import Reading

_WORDS: Final = 400
# The same firmware loads option ROMs and boot entries in another order when a disk is slow.
_BY_EVENTS: Final = frozenset({2, 4})


def capture(facts: Facts) -> Golden:
    """What this machine is now, as the baseline of its model.

    Registers are those of the TPM; the log must lead to them, so that every one of them can be
    explained. Versions that run become floors; the vendor adds the blocklist.

    Raises:
        BaselineUncapturable: The machine does not tell its model, registers or event log, or they
            contradict each other.
    """
    dmi, tpm, log = facts.dmi, facts.tpm, facts.event_log
    if isinstance(dmi, Unread) or isinstance(dmi.vendor, Unread) or isinstance(dmi.product, Unread):
        raise BaselineUncapturable(what="the DMI tables tell no maker and product")
    if isinstance(tpm, Unread) or isinstance(tpm.banks, Unread):
        raise BaselineUncapturable(what="the registers of the TPM cannot be read")
    if isinstance(log, Unread):
        raise BaselineUncapturable(what="the event log cannot be read")
    bank = next((one for one in STRENGTH if one in tpm.banks and one in log.replayed.banks), "")
    if not bank or bank == "SHA1":
        raise BaselineUncapturable(what="log and TPM have no strong bank in common")
    held = tpm.banks[bank]
    if any(pcr not in held for pcr in GOLDEN_REGISTERS):
        raise BaselineUncapturable(what="golden registers are missing in the TPM")
    if any(one.bank == bank for one in mismatches(log.replayed, tpm.banks, GOLDEN_REGISTERS)):
        raise BaselineUncapturable(what="the event log does not lead to the TPM's registers")
    return Golden(
        vendor=_clean(dmi.vendor),
        product=_clean(dmi.product),
        bank=bank,
        registers={pcr: held[pcr] for pcr in GOLDEN_REGISTERS},
        events=tuple(
            _event(one)
            for one in measurements(log, bank, programs_of(facts))
            if one.pcr in GOLDEN_REGISTERS
        ),
        by_events=_BY_EVENTS,
        versions=_versions(facts, _clean(dmi.product)),
    )


def _clean(text: str) -> str:
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return kept.strip()[:_WORDS]


def _event(one: Measurement) -> GoldenEvent:
    return GoldenEvent(one.pcr, one.type_name, one.digest, _clean(one.words))


def _versions(facts: Facts, product: str) -> Mapping[str, Versions]:
    found: dict[str, dict[str, str]] = {}
    if not isinstance(facts.dmi, Unread) and not isinstance(facts.dmi.bios_version, Unread):
        found["bios"] = {product: _clean(facts.dmi.bios_version)}
    if not isinstance(facts.bmc, Unread) and not isinstance(facts.bmc.controller, Unread):
        found["bmc"] = _floors((facts.bmc.controller,))
    found["nic"], found["nvme"] = _floors(facts.nics), _floors(facts.nvme)
    found |= _accelerated(facts)
    if not isinstance(facts.cpu, Unread) and not facts.cpu.virtual and facts.cpu.microcodes:
        # All processors of one machine run one microcode, or another check fails.
        found["microcode"] = {_clean(facts.cpu.model): min(facts.cpu.microcodes)}
    return {kind: Versions(floors, {}) for kind, floors in found.items() if floors}


def _accelerated(facts: Facts) -> dict[str, dict[str, str]]:
    box = facts.gpu
    if isinstance(box, Unread):
        return {}
    driver = {} if isinstance(box.driver, Unread) else {"nvidia": _clean(box.driver)}
    gpus = () if isinstance(box.gpus, Unread) else box.gpus
    cards = tuple(Device("", gpu.name, gpu.vbios) for gpu in gpus)
    return {"gpu-driver": driver, "gpu-vbios": _floors(cards)}


def _floors(devices: Reading[tuple[Device, ...]]) -> dict[str, str]:
    if isinstance(devices, Unread):
        return {}
    # Of several devices of one model the first seen stands: a check tells when others are below.
    floors: dict[str, str] = {}
    for device in devices:
        if not isinstance(device.version, Unread):
            floors.setdefault(_clean(device.model), _clean(device.version))
    return floors
