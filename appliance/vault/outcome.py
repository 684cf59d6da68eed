"""What the vault tells: the secrets of a new one, and how an existing one stands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from appliance.vault.errors import VaultErased

LUKS: Final = "luks"

LOST_ZH: Final = "与 LUKS2 相比:目录结构、文件大小与修改时间可见,交换分区与临时文件不在加密范围内。"
LOST_EN: Final = (
    "Against LUKS2: the shape of directories, file sizes and times can be seen, and swap and temporary "
    "files are not covered."
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
class Warned:
    """What people should know about the vault, and what to do.

    Args:
        sentence: what it is, Chinese first.
        way_out: what to do.
    """

    sentence: str
    way_out: str


FOREIGN: Final = Warned(
    "这个保险库属于另一台机器:状态目录可能被复制,两台设备不得同时使用它。 This vault belongs to another "
    "machine: its state directory may have been copied, and two boxes must not use it at once.",
    "若设备确已迁到这台机器,请运行 wardbox vault claim;否则请停用这份副本。 If the box did move to this machine, "
    "run wardbox vault claim; stop using this copy otherwise.",
)
DAMAGED: Final = Warned(
    "根密钥文件的两份副本不一致或有损坏,完好的部分仍可使用。 The two copies of the sealed root key differ or are "
    "damaged; what is whole still opens it.",
    "下次更改开启方式时会重写两份副本;请用 wardbox vault slots test 逐一核对。 The next change of a slot writes both "
    "anew; try each slot with wardbox vault slots test.",
)


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """How the vault stands.

    Args:
        state: "absent", "locked" or "unlocked".
        backend: "luks" (a LUKS2 device) or "embedded" (SQLCipher and gocryptfs).
        slots: kinds of secrets that open it.
        warnings: why it did not open by itself, and whatever else people should know.
    """

    state: Literal["absent", "locked", "unlocked"]
    backend: str
    slots: tuple[str, ...]
    warnings: tuple[Warned, ...] = ()


def absent(backend: str, erased: Path) -> VaultStatus:
    """No vault; one whose keys were destroyed on purpose is told apart from one that was never made.

    Args:
        backend: as in `VaultStatus`.
        erased: where the certificate of destruction lies, if there is one.
    """
    gone = VaultErased(path=erased)
    told = (Warned(gone.sentence, gone.way_out),) if erased.exists() else ()
    return VaultStatus("absent", backend, (), told)
