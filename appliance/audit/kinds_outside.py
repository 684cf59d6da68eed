"""The part of the catalogue about those outside who watch the record: witnesses, auditors, the SIEM."""

from typing import Final

from appliance.audit.kind import Kind

_FORWARD: Final = ("behind", "position", "reason")

OUTSIDE: Final = (
    Kind("audit:witness:add", "登记见证方。", "A witness was registered.", ("key",)),
    Kind("audit:witness:remove", "移除见证方。", "A witness was forgotten.", ("key",)),
    Kind("audit:witness:take", "收到见证签名。", "A cosignature came back.", ("size",)),
    Kind("audit:second-key:make", "生成第二把密钥。", "A second key was made.", ("kind", "reason")),
    Kind(
        "audit:record:doubt",
        "日志与已见证的不符,或第二把密钥无法作证。",
        "The record is not what was cosigned, or the second key cannot vouch for it.",
        ("reason", "size"),
    ),
    Kind("audit:export:expire", "导出到期移除。", "An export went by age.", ("days",)),
    Kind("audit:forward:start", "开始转发。", "Forwarding began.", _FORWARD),
    Kind("audit:forward:stop", "停止转发。", "Forwarding ended.", _FORWARD),
    Kind("audit:forward:lag", "转发积压。", "Forwarding fell behind.", _FORWARD),
    Kind("audit:forward:lose", "无法转发到接收方。", "The receiver cannot be reached.", _FORWARD),
    Kind("audit:forward:return", "转发恢复正常。", "Forwarding is in order again.", _FORWARD),
)
