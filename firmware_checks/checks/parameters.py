"""Which kernel command-line parameters weaken the machine."""

from typing import Final

# Linux admin-guide: kernel-parameters, hw-vuln; dracut.cmdline(7); kernel-command-line(7).
_BARE: Final = frozenset(
    {
        "1",
        "emergency",
        "kgdboc",
        "nokaslr",
        "nopti",
        "nosmap",
        "nosmep",
        "nospec_store_bypass_disable",
        "nospectre_bhb",
        "nospectre_v1",
        "nospectre_v2",
        "rd.break",
        "rescue",
        "s",
        "single",
        "systemd.debug_shell",
    },
)
_OFF: Final = frozenset({"off", "0", "n", "no", "none", "false"})
_SWITCHED_OFF: Final = frozenset(
    {
        "amd_iommu",
        "apparmor",
        "audit",
        "enforcing",
        "gather_data_sampling",
        "ima_appraise",
        "indirect_target_selection",
        "intel_iommu",
        "iommu",
        "kpti",
        "l1tf",
        "lockdown",
        "mds",
        "mem_encrypt",
        "mitigations",
        "mmio_stale_data",
        "module.sig_enforce",
        "noexec",
        "pti",
        "reg_file_data_sampling",
        "retbleed",
        "selinux",
        "spec_rstack_overflow",
        "spec_store_bypass_disable",
        "spectre_bhi",
        "spectre_v2",
        "spectre_v2_user",
        "srbds",
        "tsa",
        "tsx_async_abort",
        "vmscape",
    },
)
_SINGLE_USER: Final = frozenset({"emergency.target", "rescue.target", "debug_shell.service"})
_SOUND_INITS: Final = frozenset(
    {
        "/init",
        "/sbin/init",
        "/usr/sbin/init",
        "/lib/systemd/systemd",
        "/usr/lib/systemd/systemd",
    },
)


def weakening(parameter: str) -> bool:
    """Whether one parameter switches a protection off or starts something else than the system.

    The kernel takes "-" and "_" in names as one, and so does this. A value that lists several
    settings ("auto,nosmt") counts when any of them is off.
    """
    name, equals, value = parameter.partition("=")
    name = name.replace("-", "_").lower()
    if name in {"init", "rdinit"}:
        return value not in _SOUND_INITS
    if name in {"systemd.unit", "rd.systemd.unit"}:
        return value.replace("-", "_") in _SINGLE_USER
    if name == "systemd.debug_shell":
        return value.lower() not in _OFF
    if name in _BARE:
        return not equals or name == "kgdboc"
    return name in _SWITCHED_OFF and any(part in _OFF for part in value.lower().split(","))
