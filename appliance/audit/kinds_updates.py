"""The kinds of events of offline updates and of versions on the shelf."""

from typing import Final

from appliance.audit.kind import Kind

_BUNDLE: Final = ("code", "version")

UPDATES: Final = (
    Kind("update:bundle:plan", "查看更新计划。", "What an update would do was asked.", _BUNDLE),
    Kind("update:bundle:verify", "更新包校验通过。", "An update was verified.", _BUNDLE),
    Kind("update:bundle:refuse", "更新包被拒绝。", "An update was refused.", _BUNDLE),
    Kind("update:bundle:apply", "更新包已应用。", "An update was applied.", _BUNDLE),
    Kind(
        "update:bundle:override",
        "两人同意使用已过期的更新包。",
        "Two people let an expired update pass.",
        ("people",),
    ),
    Kind(
        "update:bundle:stage",
        "软件版本已交给安装程序。",
        "A release was handed to the installer.",
        _BUNDLE,
    ),
    Kind("update:bundle:bless", "新软件版本已确认。", "A release was found healthy.", _BUNDLE),
    Kind("update:bundle:revert", "新软件版本已撤回。", "A release was taken back.", _BUNDLE),
    Kind(
        "update:package:rollback",
        "软件包已退回上一版本。",
        "A package went back to its version before.",
        ("after", "before", "kind"),
    ),
    Kind(
        "update:health:check",
        "更新后的健康检查。",
        "The box checked whether it works.",
        ("failed", "release"),
    ),
    Kind(
        "model:shelf:switch",
        "模型切换到另一版本。",
        "Another version of a model is served.",
        ("digest", "ok"),
    ),
)
