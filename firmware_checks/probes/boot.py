"""Observes how the machine started: the TPM, its event log, and UEFI Secure Boot."""

from typing import Final

from firmware_checks.errors import EventLogMalformed, EventLogTooLarge
from firmware_checks.eventlog.algorithms import ALGORITHMS
from firmware_checks.eventlog.document import ReplayedLog, read_log
from firmware_checks.eventlog.parser import MAX_BYTES, PCRS
from firmware_checks.facts import Reading, Reason, SecureBootFacts, TpmFacts, Unread
from firmware_checks.probes.tree import Tree

_TPM: Final = "/sys/class/tpm"
_EVENT_LOG: Final = "/sys/kernel/security/tpm0/binary_bios_measurements"
_EFI: Final = "/sys/firmware/efi"
_EFIVARS: Final = "/sys/firmware/efi/efivars"
# GUIDs of UEFI 2.10, sections 3.3 and 32.4.1.
_GLOBAL: Final = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SECURITY: Final = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
_SHIM: Final = "605dab50-e046-4300-abb6-3dd810dd8b23"
_ATTRIBUTES: Final = 4


def tpm(tree: Tree) -> Reading[TpmFacts]:
    """The TPMs below /sys/class/tpm, with the registers of the first (Linux 5.12 and later)."""
    names = tree.names(_TPM)
    if isinstance(names, Unread):
        return names
    devices = tuple(name for name in names if name.startswith("tpm") and name[3:].isdigit())
    if not devices:
        nothing = Unread(Reason.ABSENT, _TPM, "no TPM")
        return TpmFacts((), nothing, nothing)
    first = f"{_TPM}/{devices[0]}"
    return TpmFacts(devices, tree.text(f"{first}/tpm_version_major"), _banks(tree, first))


def _banks(tree: Tree, device: str) -> Reading[dict[str, dict[int, str]]]:
    names = tree.names(device)
    if isinstance(names, Unread):
        return names
    banks: dict[str, dict[int, str]] = {}
    for algorithm in ALGORITHMS:
        folder = f"pcr-{algorithm.bank.lower()}"
        if folder not in names:
            continue
        values = _registers(tree, f"{device}/{folder}", algorithm.size)
        if isinstance(values, Unread):
            return values
        banks[algorithm.bank] = values
    if not banks:
        return Unread(Reason.ABSENT, f"{device}/pcr-*", "the kernel shows no PCR banks")
    return banks


def _registers(tree: Tree, folder: str, size: int) -> Reading[dict[int, str]]:
    values: dict[int, str] = {}
    for pcr in range(PCRS):
        found = tree.text(f"{folder}/{pcr}")
        if isinstance(found, Unread):
            if found.reason is Reason.ABSENT:
                continue
            return found
        value = found.strip().lower()
        if len(value) != 2 * size or set(value) - set("0123456789abcdef"):
            return Unread(Reason.MALFORMED, f"{folder}/{pcr}", "not a digest of this bank")
        values[pcr] = value
    if not values:
        return Unread(Reason.ABSENT, folder, "the bank has no registers")
    return values


def event_log(tree: Tree) -> Reading[ReplayedLog]:
    """The firmware's event log, parsed and replayed."""
    data = tree.data(_EVENT_LOG, MAX_BYTES)
    if isinstance(data, Unread):
        return data
    try:
        return read_log(data)
    except EventLogTooLarge as error:
        return Unread(Reason.TOO_LARGE, _EVENT_LOG, error.en.format(**error.facts))
    except EventLogMalformed as error:
        return Unread(Reason.MALFORMED, _EVENT_LOG, error.en.format(**error.facts))


def secure_boot(tree: Tree) -> Reading[SecureBootFacts]:
    """The Secure Boot variables, or the fact that the machine did not start through UEFI."""
    if not tree.exists(_EFI):
        # Only a readable /sys/firmware without an efi folder tells of a legacy start.
        firmware = tree.names("/sys/firmware")
        if isinstance(firmware, Unread):
            return firmware
        nothing = Unread(Reason.ABSENT, _EFI, "not started through UEFI")
        return SecureBootFacts(
            efi=False,
            enabled=nothing,
            setup_mode=nothing,
            audit_mode=nothing,
            platform_key=nothing,
            exchange_keys=nothing,
            allowed=nothing,
            revoked=nothing,
            shim_level=nothing,
        )
    return SecureBootFacts(
        efi=True,
        enabled=_flag(tree, "SecureBoot"),
        setup_mode=_flag(tree, "SetupMode"),
        audit_mode=_flag(tree, "AuditMode"),
        platform_key=_variable(tree, "PK", _GLOBAL),
        exchange_keys=_variable(tree, "KEK", _GLOBAL),
        allowed=_variable(tree, "db", _SECURITY),
        revoked=_variable(tree, "dbx", _SECURITY),
        shim_level=_shim_level(tree),
    )


def _shim_level(tree: Tree) -> Reading[str]:
    """The text of SbatLevelRT: "sbat,1,2024010900", then a line for each component."""
    value = _variable(tree, "SbatLevelRT", _SHIM)
    if isinstance(value, Unread):
        return value
    return value.decode("ascii", errors="replace").rstrip("\0\n")


def _variable(tree: Tree, name: str, owner: str) -> Reading[bytes]:
    """The value of a variable: efivarfs puts four bytes of attributes before it."""
    path = f"{_EFIVARS}/{name}-{owner}"
    data = tree.data(path)
    if isinstance(data, Unread):
        return data
    if len(data) < _ATTRIBUTES:
        return Unread(Reason.MALFORMED, path, "shorter than its attributes")
    return data[_ATTRIBUTES:]


def _flag(tree: Tree, name: str) -> Reading[int]:
    value = _variable(tree, name, _GLOBAL)
    if isinstance(value, Unread):
        return value
    if len(value) != 1:
        return Unread(Reason.MALFORMED, f"{_EFIVARS}/{name}-{_GLOBAL}", "not one byte")
    return value[0]
