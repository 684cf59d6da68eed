"""What the vault tells: the secrets of a new one, and how an existing one stands."""

from dataclasses import dataclass, field
from typing import Final, Literal

BACKEND: Final = "embedded"

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
        backend: "embedded" (SQLCipher and gocryptfs).
        slots: kinds of secrets that open it.
        lost_zh: what this back end lacks against LUKS2 with a TPM, in Chinese.
        lost_en: the same in English.
    """

    state: Literal["absent", "locked", "unlocked"]
    backend: str
    slots: tuple[str, ...]
    lost_zh: str = LOST_ZH
    lost_en: str = LOST_EN
