"""What boot loaders measure, in words: GRUB, shim, systemd-boot and its stub, the kernel's stub."""

from types import MappingProxyType
from typing import Final

from firmware_checks.eventlog.cursor import Cursor
from firmware_checks.eventlog.wording import clean, text_of, text_or_size

# GRUB 2.04 and later, grub-core/commands/tpm.c; the forms without a colon are Red Hat's.
_PREFIXES: Final = (
    ("grub_cmd: ", "GRUB 命令 command"),
    ("kernel_cmdline: ", "内核命令行 kernel command line"),
    ("module_cmdline: ", "模块命令行 module command line"),
    ("grub_kernel_cmdline ", "内核命令行 kernel command line"),
    ("grub_cmd ", "GRUB 命令 command"),
    ("grub_linuxefi ", "GRUB 装入 loads"),
)
# The sections of a unified kernel image, systemd's src/fundamental/uki.c.
_SECTIONS: Final = MappingProxyType(
    {
        ".linux": "内核 kernel",
        ".osrel": "系统版本 os-release",
        ".cmdline": "内核命令行 kernel command line",
        ".initrd": "初始内存盘 initrd",
        ".ucode": "微码 microcode",
        ".splash": "启动画面 splash",
        ".dtb": "设备树 device tree",
        ".dtbauto": "设备树 device tree",
        ".hwids": "硬件编号 hardware ids",
        ".uname": "内核版本 kernel release",
        ".sbat": "撤销级别 SBAT",
        ".pcrpkey": "PCR 签名公钥 key of signed PCR values",
        ".profile": "启动方案 profile",
        ".efifw": "固件 firmware",
    },
)
# Tags of EV_EVENT_TAG: Linux drivers/firmware/efi/libstub/efistub.h, systemd src/fundamental/tpm2-pcr.h.
_TAGS: Final = MappingProxyType(
    {
        0x8F3B22EC: "内核读取的初始内存盘 initrd that the kernel loads",
        0x8F3B22ED: "内核命令行 kernel command line",
        0xF5BC582A: "systemd-boot 的配置 configuration of systemd-boot",
        0x6C46F751: "附加设备树 device tree add-on",
        0x49DFFE0F: "附加初始内存盘 initrd add-on",
        0xDAC08E1A: "附加微码 microcode add-on",
    },
)
_SHIM: Final = MappingProxyType(
    {
        "MokList": "机主密钥 machine owner keys (MokList)",
        "MokListX": "机主禁用 forbidden by the machine owner (MokListX)",
        "MokListTrusted": "内核信任机主密钥 the kernel trusts the owner's keys (MokListTrusted)",
        "MokSBState": "shim 的校验开关 shim's validation switch (MokSBState)",
    },
)
_STUB_PCRS: Final = MappingProxyType(
    {
        11: "统一内核映像 unified kernel image",
        12: "内核命令行与附加项 kernel command line and add-ons",
        13: "系统扩展 system extensions",
        15: "系统身份 identity of the system",
    },
)
_SHIM_PCR: Final = 14
_GRUB_FILES_PCR: Final = 9


def loader_text(pcr: int, data: bytes) -> str:
    """An EV_IPL event in words; what it says of itself is shown, whatever loader it comes from."""
    text = text_of(data)
    for prefix, meaning in _PREFIXES:
        if text.startswith(prefix):
            return f"{meaning}: {text[len(prefix) :]}"
    if pcr == _SHIM_PCR:
        name = text.removesuffix("RT")
        return _SHIM.get(name, f"shim: {text or text_or_size(data)}")
    if text in _SECTIONS and pcr in _STUB_PCRS:
        return f"{_STUB_PCRS[pcr]}: {_SECTIONS[text]} ({text})"
    if pcr in _STUB_PCRS:
        return f"{_STUB_PCRS[pcr]}: {text_or_size(data)}"
    if pcr == _GRUB_FILES_PCR and "/" in text:
        return f"GRUB 读取的文件 file read by GRUB: {text}"
    return f"引导程序 boot loader: {text}" if text else f"引导程序 boot loader, {len(data)} bytes"


def tagged_text(data: bytes) -> str:
    """A TCG_PCClientTaggedEvent in words: which tag, and the text that stands with it.

    Raises:
        EventLogMalformed: The tagged data is shorter than it says.
    """
    cursor = Cursor(data)
    tag = cursor.number(4, "the tag")
    size = cursor.number(4, "the size of the tagged data")
    text = text_or_size(cursor.take(size, "the tagged data"))
    meaning = _TAGS.get(tag, f"标签 tag 0x{tag:08X}")
    return f"{meaning}: {text}" if text else meaning


def measured_texts(data: bytes) -> tuple[bytes, ...]:
    """What loaders hash of a text that they log: all of it, or what stands behind the prefix, each with or without its NUL."""
    bare = data.rstrip(b"\0")
    found = [data, bare, bare + b"\0"]
    for prefix, _ in _PREFIXES:
        head = prefix.encode()
        if data.startswith(head):
            found += [data[len(head) :], bare[len(head) :], bare[len(head) :] + b"\0"]
    return tuple(found)


def is_command(data: bytes) -> bool:
    """Whether the text is one whose digest is known to be that of the text behind the prefix."""
    return data.startswith((b"grub_cmd: ", b"kernel_cmdline: ", b"module_cmdline: "))


def command_line(data: bytes) -> str:
    """The kernel command line that an EV_IPL event tells, empty when it tells none."""
    text = data.rstrip(b"\0").decode("utf-8", errors="replace")
    for prefix in ("kernel_cmdline: ", "grub_kernel_cmdline "):
        if text.startswith(prefix):
            return clean(text[len(prefix) :], 4096)
    return ""
