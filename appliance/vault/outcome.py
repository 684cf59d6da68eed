"""What the vault tells: the secrets of a new one, and how an existing one stands."""

from dataclasses import dataclass, field
from typing import Final, Literal

LUKS: Final = "luks"

LOST_ZH: Final = (
    "与 LUKS2 加 TPM 相比:目录结构、文件大小与修改时间可见,重启后须输入口令,"
    "交换分区与临时文件不在加密范围内。"
)
LOST_EN: Final = (
    "Against LUKS2 with a TPM: the shape of directories, file sizes and times can be seen, a restart "
    "of the machine asks for the passphrase, and swap and temporary files are not covered."
)


@dataclass(frozen=True, slots=True)
class Created:
    """The secrets of a new vault; shown once, kept nowhere.

    Args:
        recovery_key: 13 groups of 5 signs, for paper.
        passphrase: the one that was given, or the one that was made.
    """

    recovery_key: str = field(repr=False)
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """How the vault stands.

    Args:
        state: "absent", "locked" or "unlocked".
        backend: "luks" (a LUKS2 device) or "embedded" (SQLCipher and gocryptfs).
        slots: kinds of secrets that open it.
    """

    state: Literal["absent", "locked", "unlocked"]
    backend: str
    slots: tuple[str, ...]

    @property
    def lost_zh(self) -> str:
        """What this back end lacks against LUKS2 with a TPM, in Chinese; empty for that one."""
        return "" if self.backend == LUKS else LOST_ZH

    @property
    def lost_en(self) -> str:
        """The same in English."""
        return "" if self.backend == LUKS else LOST_EN
