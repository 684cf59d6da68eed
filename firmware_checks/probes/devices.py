"""Observes devices that carry firmware of their own: disks, network cards, the BMC, LUKS volumes."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from firmware_checks.facts import Reading, Reason, Unread
from firmware_checks.platform_facts import BmcFacts, Device, Volume
from firmware_checks.probes.ethtool import nic_firmware
from firmware_checks.probes.tool import ask
from firmware_checks.probes.tree import Tree

_NVME: Final = "/sys/class/nvme"
_NETWORK: Final = "/sys/class/net"
_BLOCK: Final = "/sys/class/block"
_ENTRIES: Final = "/sys/firmware/dmi/entries"
_NICS: Final = "/capture/nic-firmware.json"
# A virtual network card of the hypervisor has no firmware of its own.
_VIRTIO: Final = "0x1af4"
_TOOL_SECONDS: Final = 2.0
_MAX_VOLUMES: Final = 16
_MAX_FIELDS: Final = 64 * 1024


def nvme(tree: Tree) -> Reading[tuple[Device, ...]]:
    """The NVMe disks; none is a fact only where /sys/class can be read."""
    names = tree.names(_NVME)
    if isinstance(names, Unread):
        around = tree.names("/sys/class")
        missing = names.reason is Reason.ABSENT and not isinstance(around, Unread)
        return () if missing and around else names
    found: list[Device] = []
    for name in names:
        model = tree.text(f"{_NVME}/{name}/model")
        if isinstance(model, Unread):
            return model
        version = tree.text(f"{_NVME}/{name}/firmware_rev")
        told = version if isinstance(version, Unread) else version.strip()
        found.append(Device(name, model.strip(), told))
    return tuple(found)


def nics(tree: Tree) -> Reading[tuple[Device, ...]]:
    """The network cards on a bus, with the firmware their drivers tell."""
    names = tree.names(_NETWORK)
    if isinstance(names, Unread):
        return names
    if not names:
        return Unread(Reason.ABSENT, _NETWORK, "the kernel shows not even a loopback")
    kept = _captured_nics(tree)
    found: list[Device] = []
    for name in names:
        folder = f"{_NETWORK}/{name}/device"
        # Bridges, bonds and loopback are no devices; the BMC's own network over USB is no card.
        if not tree.exists(folder) or tree.exists(f"{folder}/bInterfaceClass"):
            continue
        vendor, kind = tree.text(f"{folder}/vendor"), tree.text(f"{folder}/device")
        if isinstance(vendor, Unread) or isinstance(kind, Unread):
            found.append(Device(name, "?", Unread(Reason.UNSUPPORTED, folder, "no PCI device")))
        elif vendor.strip() != _VIRTIO:
            version = nic_firmware(name) if tree.live else _kept(kept, name)
            found.append(Device(name, f"{vendor.strip()}:{kind.strip()}", version))
    return tuple(found)


def _captured_nics(tree: Tree) -> Reading[Mapping[str, Any]]:
    if tree.live:
        return {}
    text = tree.text(_NICS)
    return text if isinstance(text, Unread) else _object(text, _NICS)


def _kept(kept: Reading[Mapping[str, Any]], name: str) -> Reading[str]:
    if isinstance(kept, Unread):
        return kept
    version = kept.get(name)
    if not isinstance(version, str) or not version:
        return Unread(Reason.ABSENT, _NICS, f"nothing about {name}")
    return version


def _object(text: str, source: str) -> Reading[Mapping[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Unread(Reason.MALFORMED, source, "not JSON")
    return found if isinstance(found, dict) else Unread(Reason.MALFORMED, source, "no JSON object")


def bmc(tree: Tree) -> Reading[BmcFacts]:
    """The board's management controller, its firmware and its network, as ipmitool tells them."""
    present = _has_bmc(tree)
    if present is False:
        nothing = Unread(Reason.ABSENT, _ENTRIES, "no management controller")
        return BmcFacts(present=False, controller=nothing, lan=nothing)
    info = ask(tree, ("ipmitool", "mc", "info"), "ipmitool-mc-info.txt", _TOOL_SECONDS)
    lan = ask(tree, ("ipmitool", "lan", "print"), "ipmitool-lan-print.txt", _TOOL_SECONDS)
    return BmcFacts(present, _controller(info), lan if isinstance(lan, Unread) else fields(lan))


def _has_bmc(tree: Tree) -> Reading[bool]:
    """Whether the machine names a management controller: SMBIOS type 38, or a driver's device."""
    driven = tree.names("/sys/class/ipmi")
    if not isinstance(driven, Unread) and driven:
        return True
    entries = tree.names(_ENTRIES)
    if isinstance(entries, Unread):
        return entries
    if not entries:
        return Unread(Reason.ABSENT, _ENTRIES, "the kernel shows no SMBIOS entry")
    return any(name.startswith("38-") for name in entries)


def _controller(info: Reading[str]) -> Reading[Device]:
    if isinstance(info, Unread):
        return info
    told = fields(info)
    version, maker = told.get("firmware revision", ""), told.get("manufacturer id", "")
    product = re.match(r"\d+", told.get("product id", ""))
    if not version or not maker or product is None:
        return Unread(Reason.MALFORMED, "ipmitool mc info", "no firmware revision")
    return Device("bmc", f"{maker}:{product[0]}", version)


def fields(text: str) -> dict[str, str]:
    """The fields of ipmitool's "name : value" lines, names in lower case.

    Lines without a name belong to the field above and are joined to it by "; ".
    """
    found: dict[str, str] = {}
    last = ""
    for line in text[:_MAX_FIELDS].splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        key = name.strip().lower()
        if key:
            last = key
            found[key] = value.strip()
        elif last:
            found[last] = f"{found[last]}; {value.strip()}"
    return found


def luks(tree: Tree) -> Reading[tuple[Volume, ...]]:
    """The LUKS2 volumes in use, and the PCRs their TPM tokens are bound to."""
    names = tree.names(_BLOCK)
    if isinstance(names, Unread):
        return names
    found: list[Volume] = []
    for name in names:
        identity = tree.text(f"{_BLOCK}/{name}/dm/uuid")
        if isinstance(identity, Unread) or not identity.startswith("CRYPT-LUKS2-"):
            continue
        below = tree.names(f"{_BLOCK}/{name}/slaves")
        if isinstance(below, Unread):
            return below
        found += [Volume(f"/dev/{device}", Unread(Reason.ABSENT, device)) for device in below]
    if len(found) > _MAX_VOLUMES:
        return Unread(Reason.TOO_LARGE, _BLOCK, f"more than {_MAX_VOLUMES} LUKS volumes")
    seconds = 2 * _TOOL_SECONDS / max(1, len(found))
    return tuple(Volume(one.device, _sealed(tree, one.device, seconds)) for one in found)


def _sealed(tree: Tree, device: str, seconds: float) -> Reading[tuple[int, ...] | None]:
    if not re.fullmatch(r"/dev/[\w.-]+", device):
        return Unread(Reason.MALFORMED, device, "not the name of a device")
    text = ask(
        tree,
        ("cryptsetup", "luksDump", "--dump-json-metadata", device),
        f"luks-{device.removeprefix('/dev/')}.json",
        seconds,
    )
    if isinstance(text, Unread):
        return text
    header = _object(text, f"cryptsetup luksDump {device}")
    if isinstance(header, Unread):
        return header
    tokens = header.get("tokens")
    if not isinstance(tokens, dict) or "keyslots" not in header:
        return Unread(Reason.MALFORMED, device, "no LUKS2 metadata")
    return _registers(tokens)


def _registers(tokens: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The PCRs of all TPM tokens, None without one.

    Of systemd-cryptenroll(1), of clevis-luks-bind(1), and of a vault of WardBox, whose key lies
    wrapped beside the box's other keys and whose token tells the slots that hold it.
    """
    bound: set[int] = set()
    sealed = False
    for token in tokens.values():
        if not isinstance(token, dict):
            continue
        if token.get("type") == "systemd-tpm2":
            sealed = True
            bound.update(_numbers(token.get("tpm2-pcrs")), _numbers(token.get("tpm2_pubkey_pcrs")))
        elif token.get("type") == "wardbox" and (own := set(_numbers(token.get("tpm2-pcrs")))):
            sealed = True
            bound |= own
        elif token.get("type") == "clevis" and (pin := _clevis(token)) is not None:
            sealed = True
            bound.update(_numbers(str(pin.get("pcr_ids", "")).split(",")))
    return tuple(sorted(bound)) if sealed else None


def _numbers(found: Any) -> Iterator[int]:
    for entry in found if isinstance(found, list) else ():
        if str(entry).strip().isdecimal():
            yield int(str(entry))


def _clevis(token: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The TPM pin of a clevis token: in the protected header of its JWE."""
    try:
        head = str(token["jwe"]["protected"])
        read = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        pin = read["clevis"]["tpm2"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return pin if isinstance(pin, dict) else None
