"""The actions that two people decide together, where the box is set to ask for that."""

from dataclasses import dataclass
from typing import Final

REMOVE_ADMINISTRATOR: Final = "user.remove-administrator"
UNLOCK_ADMINISTRATOR: Final = "user.unlock-administrator"
MAKE_ADMINISTRATOR: Final = "user.make-administrator"
RESET_PASSWORD: Final = "user.reset-password"  # noqa: S105  # the name of an action
RESET_TOTP: Final = "user.reset-totp"
TOTP_OFF: Final = "role.totp-off"
REVOKE_EXPORT_KEY: Final = "key.revoke-export"
REVOKE_SLOT: Final = "vault.revoke-slot"
ERASE: Final = "vault.erase"
TAKE_EXPIRED: Final = "update.take-expired"


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the table.

    Attributes:
        name: names it on the wire and on the record.
        scope: what both people must hold, when they ask, approve and execute.
        zh: what it does, in Chinese.
        en: what it does, in English.
        parameter: what its parameter means, empty when it takes none.
    """

    name: str
    scope: str
    zh: str
    en: str
    parameter: str = ""


ACTIONS: Final = {
    action.name: action
    for action in (
        Action(
            REMOVE_ADMINISTRATOR,
            "users:write",
            "删除管理员账号,或换成较低的角色(参数)",
            "remove an administrator, or give them a lower role (parameter)",
            "role",
        ),
        Action(
            UNLOCK_ADMINISTRATOR,
            "users:write",
            "解除管理员的登录锁定",
            "lift the lockout of an administrator",
        ),
        Action(
            MAKE_ADMINISTRATOR,
            "users:write",
            "把已有用户设为管理员",
            "make somebody an administrator",
        ),
        Action(
            RESET_PASSWORD,
            "users:write",
            "重置另一位管理员的密码",
            "reset the password of another administrator",
        ),
        Action(
            RESET_TOTP,
            "users:write",
            "解除他人被要求的动态口令",
            "remove a second factor that is demanded or an administrator's",
        ),
        Action(
            TOTP_OFF,
            "users:write",
            "不再要求某角色使用动态口令",
            "stop demanding one-time codes of a role",
        ),
        Action(
            REVOKE_EXPORT_KEY,
            "keys:write",
            "吊销可导出审计记录的密钥",
            "revoke a key that exports the audit record",
        ),
        Action(
            ERASE,
            "vault:write",
            "销毁数据集、患者或整机的密钥(由 wardbox vault erase 执行)",
            "destroy the keys of a dataset, a patient or the box (done by wardbox vault erase)",
        ),
        Action(
            TAKE_EXPIRED,
            "updates:write",
            "使用已过期但最新的更新包(由 wardbox update apply --approval 执行)",
            "take a bundle that is the newest but has expired (done by wardbox update apply --approval)",
        ),
        Action(
            REVOKE_SLOT,
            "vault:write",
            "吊销保险库的开启方式(由 wardbox vault slots revoke 执行)",
            "revoke a slot of the vault (done by wardbox vault slots revoke)",
        ),
    )
}
