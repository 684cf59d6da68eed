"""What each key of the box is for, and how it is replaced."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

How = Literal["opening", "now", "root"]
"""Replaced at the next opening of the vault, at once, or only wrapped anew with the root key."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One row of the table.

    Attributes:
        how: how it is replaced.
        zh: what it is for, in Chinese; where it is only wrapped anew, the reason.
        en: the same in English.
    """

    how: How
    zh: str
    en: str


_PUBLISHED_ZH: Final = "它签过的内容以后仍要验证"
_PUBLISHED_EN: Final = "what it signed must go on verifying"

USES: Final[Mapping[str, KeyUse]] = MappingProxyType(
    {
        "box.db": KeyUse("opening", "主数据库", "the box's database"),
        "audit.db": KeyUse("opening", "审计数据库", "the audit log's database"),
        "family.dataset": KeyUse(
            "now", "各文件与数据集密钥的上级", "above the keys of files and data sets"
        ),
        "family.patient": KeyUse("now", "各患者密钥的上级", "above the keys of patients"),
        "family.period": KeyUse("now", "各日正文密钥的上级", "above the keys of each day's bodies"),
        "bodies.db": KeyUse(
            "root",
            "其内容另有逐条密钥",
            "each body in it has a key of its own",
        ),
        "files": KeyUse(
            "root",
            "更换后须重写全部文件(备份后恢复)",
            "all files would be written anew (backup, restore)",
        ),
        "usage-salt": KeyUse("root", "假名须保持一致", "pseudonyms must stay the same"),
        "subject-tags": KeyUse("root", "它用于查找其他密钥", "other keys are found by it"),
        "licence": KeyUse("root", "供应商的模型按它加密", "vendors sealed models to it"),
        "authority": KeyUse("root", "客户端信任其证书", "clients trust its certificate"),
        "certificate-sm2": KeyUse("root", _PUBLISHED_ZH, _PUBLISHED_EN),
        "signing.audit": KeyUse("root", _PUBLISHED_ZH, _PUBLISHED_EN),
        "signing.manifest": KeyUse("root", _PUBLISHED_ZH, _PUBLISHED_EN),
        "signing.receipt": KeyUse("root", _PUBLISHED_ZH, _PUBLISHED_EN),
    }
)
OTHER: Final = KeyUse("root", "其内容由其他部分保管", "what it locks is kept elsewhere")
"""A use that another room made."""


def use_of(name: str) -> KeyUse:
    """The row of a use."""
    return USES.get(name, OTHER)
