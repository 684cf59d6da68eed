"""Refusals of the audit log beside being unavailable: tampering and exports."""

from appliance.errors import ApplianceError


class AuditTampered(ApplianceError):
    """The audit log does not agree with its own signed checkpoint."""

    code = "audit.tampered"
    zh = "审计日志与其签名检查点不一致:{reason}。设备拒绝继续写入。"
    en = "The audit log disagrees with its signed checkpoint: {reason}. The box refuses to go on."
    way_out_zh = "请保留原文件并联系审计人员;用备份恢复,或运行 wardbox audit verify 定位。"
    way_out_en = "Keep the file and call the auditor; restore a backup, or locate it by wardbox audit verify."


class AuditExportRefused(ApplianceError):
    """The audit log cannot be exported to this place or in this range."""

    code = "audit.export-refused"
    zh = "无法导出审计日志:{reason}。"
    en = "The audit log cannot be exported: {reason}."
    way_out_zh = "请选择一个空目录和有效的范围。"
    way_out_en = "Choose an empty directory and a valid range."


class EventTooLarge(ApplianceError):
    """An event carries more than facts."""

    code = "audit.event-too-large"
    zh = "事件 {tag} 有 {bytes} 字节,上限是 {limit}。"
    en = "The event {tag} has {bytes} bytes; the limit is {limit}."
    way_out_zh = "日志只记摘要与计数,不记内容。"
    way_out_en = "The log keeps digests and counts, not content."


class AuditEntryArchived(ApplianceError):
    """An entry has left the box for an archive."""

    code = "audit.entry-archived"
    zh = "第 {index} 条审计记录已移入归档 {archive}。"
    en = "Audit entry {index} has been moved to the archive {archive}."
    way_out_zh = "请取出该归档,用其中的 verify.py 校验并查看。"
    way_out_en = "Fetch that archive; the verify.py inside checks and shows it."
