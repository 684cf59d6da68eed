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


class ArchiveRefused(ApplianceError):
    """Entries cannot be archived like this."""

    code = "audit.archive-refused"
    zh = "无法归档审计记录:{reason}。"
    en = "The audit log cannot be archived: {reason}."
    way_out_zh = "请给出足够的天数;记录在库中至少保留六个月,只有已整理的旧记录可以归档。"
    way_out_en = "Name enough days; entries stay for six months at least, and only old ones can go."


class ArchiveUnsound(ApplianceError):
    """What was read back from an archive is not what the log holds."""

    code = "audit.archive-unsound"
    zh = "归档读回后与日志不符:{reason}。所有记录仍在设备中。"
    en = "The archive, read back, is not what the log holds: {reason}. All entries are still here."
    way_out_zh = "请更换介质后重试。"
    way_out_en = "Use another medium and try again."


class AuditEntryArchived(ApplianceError):
    """An entry has left the box for an archive."""

    code = "audit.entry-archived"
    zh = "第 {index} 条审计记录已移入归档 {archive}。"
    en = "Audit entry {index} has been moved to the archive {archive}."
    way_out_zh = "请取出该归档,用其中的 verify.py 校验并查看。"
    way_out_en = "Fetch that archive; the verify.py inside checks and shows it."


class AuditExportEmpty(ApplianceError):
    """No entry meets the conditions of an export."""

    code = "audit.export-empty"
    zh = "没有符合条件的审计记录,未写出任何文件。"
    en = "No audit entry meets these conditions; nothing was written."
    way_out_zh = "请放宽时间范围或条件;wardbox audit tail 可先查看有哪些记录。"
    way_out_en = (
        "Widen the time or the conditions; wardbox audit tail shows what entries there are."
    )


class AuditExportStopped(ApplianceError):
    """An export was cancelled while it was being made."""

    code = "audit.export-stopped"
    zh = "导出已取消,没有留下任何文件。"
    en = "The export was cancelled and left nothing behind."
    way_out_zh = "需要时请重新导出。"
    way_out_en = "Export again when it is needed."


class AuditExportUnknown(ApplianceError):
    """No export has this id."""

    code = "audit.export-unknown"
    zh = "没有编号为 {id} 的导出。"
    en = "There is no export {id}."
    way_out_zh = "导出列表只保留到本机重启;写好的目录不受影响。"
    way_out_en = "The list lasts until the box restarts; folders that were written stay."


class AuditExportUnfinished(ApplianceError):
    """An export is not there to be fetched."""

    code = "audit.export-unfinished"
    zh = "导出 {id} 尚未完成或已失败,无法下载。"
    en = "The export {id} is not finished, or failed, so it cannot be fetched."
    way_out_zh = "请先查看其状态。"
    way_out_en = "Look at its state first."


class AuditTimeInvalid(ApplianceError):
    """A text that is no time, or a span that ends before it begins."""

    code = "audit.time-invalid"
    zh = "{name} 的时间“{text}”无法理解:{reason_zh}。"
    en = "The time {text!r} of {name} cannot be understood: {reason_en}."
    way_out_zh = "请写成 2026-03-01、2026-03-01T08:30 或 2026-03-01T08:30:00+08:00。"
    way_out_en = "Write 2026-03-01, 2026-03-01T08:30 or 2026-03-01T08:30:00+08:00."
