"""Refusals of backups: targets, keys, damage, rollback, and what stands in the way of a restore."""

from appliance.errors import ApplianceError


class BackupError(ApplianceError):
    """A refusal by the backup room; what was backed up before is as it was."""

    code = "backup"
    zh = "备份操作被拒绝。"
    en = "The backup was refused."
    way_out_zh = "已有备份未受影响;请查看 docs/operate/backup.md。"
    way_out_en = "Earlier backups are as they were; see docs/operate/backup.md."


class TargetUnknown(BackupError):
    """There is no target of that name."""

    code = "backup.target-unknown"
    zh = "没有名为 {name} 的备份目标。"
    en = "There is no backup target called {name}."
    way_out_zh = "wardbox backup list 列出目标;wardbox backup target add 新增。"
    way_out_en = "wardbox backup list shows them; wardbox backup target add makes one."


class TargetRefused(BackupError):
    """A target that cannot be used as it was described."""

    code = "backup.target-refused"
    zh = "备份目标 {name} 不可用:{reason_zh}。"
    en = "The backup target {name} cannot be used: {reason_en}."
    way_out_zh = "请更正目标的设置后重试;没有写入任何内容。"
    way_out_en = "Correct the target and try again; nothing was written."


class TargetExists(BackupError):
    """The name is taken."""

    code = "backup.target-exists"
    zh = "已有名为 {name} 的备份目标。"
    en = "There is a backup target called {name} already."
    way_out_zh = "请换一个名称,或先移除原有目标。"
    way_out_en = "Choose another name, or remove the other one first."


class WrongDisk(BackupError):
    """Another disk, or none, is mounted where the backup disk should be."""

    code = "backup.wrong-disk"
    zh = "{place} 上不是约定的备份盘:{reason_zh}。"
    en = "The disk at {place} is not the one that was meant: {reason_en}."
    way_out_zh = "请插入并挂载正确的备份盘后重试;没有写入任何内容。"
    way_out_en = "Mount the right backup disk and try again; nothing was written."


class TargetFull(BackupError):
    """No room on the target; nothing that was there is lost."""

    code = "backup.target-full"
    zh = "备份目标已满。"
    en = "The backup target is full."
    way_out_zh = "请腾出空间或更换目标后重试:已传的数据会被沿用,已有备份完好。"
    way_out_en = (
        "Make room or use another target, then run it again: what came over is used, and earlier "
        "backups are whole."
    )


class TargetGone(BackupError):
    """The target stopped answering."""

    code = "backup.target-gone"
    zh = "备份目标中断({name}:{reason})。"
    en = "The backup target is gone ({name}: {reason})."
    way_out_zh = "请检查磁盘、线缆或网络后重试:会从中断处继续,已有备份完好。"
    way_out_en = "Check disk, cable or network and run it again: it goes on from there."


class HostKeyWrong(BackupError):
    """The SFTP server shows another host key than the pinned one."""

    code = "backup.host-key-wrong"
    zh = "SFTP 服务器 {host} 的主机密钥与约定的不同,连接已拒绝。"
    en = "The SFTP server {host} shows another host key than the pinned one; it is not trusted."
    way_out_zh = "请与管理员核对:若服务器确实更换了密钥,请移除目标并用新密钥重新添加。"
    way_out_en = (
        "Ask who runs it. If the key was really changed, remove the target and add it with the new."
    )


class KeysRefused(BackupError):
    """These keys do not open this backup: a foreign one, or the wrong recovery key."""

    code = "backup.keys-refused"
    zh = "密钥打不开 {place} 上的备份:它属于另一台设备,或恢复密钥不对。"
    en = "The keys do not open the backup at {place}: it is another box's, or they are wrong."
    way_out_zh = "请核对备份与恢复密钥是否属于同一台设备。"
    way_out_en = "Make sure that backup and recovery key belong to the same box."


class BackupAbsent(BackupError):
    """There is no backup at that place."""

    code = "backup.absent"
    zh = "{place} 上没有备份。"
    en = "There is no backup at {place}."
    way_out_zh = "请确认位置;wardbox backup create 建立第一个备份。"
    way_out_en = "Check the place; wardbox backup create makes the first one."


class BackupDamaged(BackupError):
    """An object of the backup is missing or is not what was written."""

    code = "backup.damaged"
    zh = "备份中的对象 {name} 已损坏:{reason_zh}。"
    en = "The object {name} of the backup is damaged: {reason_en}."
    way_out_zh = "请运行 wardbox backup verify 查看影响哪些快照,并在完好的目标上重新备份。"
    way_out_en = "wardbox backup verify tells which snapshots it hurts; back up to a sound target."


class BackupRolledBack(BackupError):
    """The list of snapshots is older than, or another one than, this box remembers."""

    code = "backup.rolled-back"
    zh = "目标 {place} 上的快照清单(第 {found} 代)比本机记得的(第 {known} 代)旧或不同。"
    en = (
        "The list of snapshots at {place} (generation {found}) is older than or another one than "
        "this box remembers (generation {known})."
    )
    way_out_zh = "有人换回了旧的备份盘或删除了快照;请保留该目标备查,并改用新目标备份。"
    way_out_en = (
        "Somebody put an old copy there or removed snapshots: keep it as evidence and back up to a "
        "new target."
    )


class SnapshotUnknown(BackupError):
    """There is no such snapshot."""

    code = "backup.snapshot-unknown"
    zh = "没有快照 {snapshot}。"
    en = "There is no snapshot {snapshot}."
    way_out_zh = "wardbox backup list 或 wardbox backup restore --show 列出快照。"
    way_out_en = "wardbox backup list shows them, or wardbox backup restore --show."


class BackupBusy(BackupError):
    """Another backup, check or restore is going on."""

    code = "backup.busy"
    zh = "另一个备份操作正在进行。"
    en = "Another backup operation is going on."
    way_out_zh = "请等它结束后重试。"
    way_out_en = "Wait for it to end, then try again."


class SourceUnstable(BackupError):
    """A file of the box could not be read the same twice."""

    code = "backup.source-unstable"
    zh = "读取 {name} 时出错:{reason}。"
    en = "{name} could not be read for the backup: {reason}."
    way_out_zh = "请稍后重试;如反复出现,请查看磁盘状况。"
    way_out_en = "Try again later; if it keeps happening, look at the disk."


class RestoreRefused(BackupError):
    """A restore into a place that is not empty, or that would hide something."""

    code = "backup.restore-refused"
    zh = "不能恢复到 {place}:{reason_zh}。"
    en = "Nothing is restored into {place}: {reason_en}."
    way_out_zh = "请选择空的状态目录(WARDBOX_STATE=目录);原有内容未被改动。"
    way_out_en = "Choose an empty state directory (WARDBOX_STATE=DIR); what was there is as it was."


class RestoreFull(BackupError):
    """The disk that is restored to is full."""

    code = "backup.restore-full"
    zh = "恢复目标 {place} 的磁盘已满;快照共 {size} 字节。"
    en = "The disk of {place} is full; the snapshot holds {size} bytes."
    way_out_zh = "请腾出空间或换更大的磁盘后重新恢复:未完成的恢复会从头再来,备份未受影响。"
    way_out_en = (
        "Make room or take a larger disk and restore again: it begins anew, and the backup is as it "
        "was."
    )


class NewerRecordKnown(BackupError):
    """A later state of the audit log is known than the snapshot holds."""

    code = "backup.newer-known"
    zh = "该快照的审计日志有 {size} 条记录,而已知更新的状态有 {known} 条:恢复会丢失其间的记录。"
    en = (
        "The snapshot's audit log has {size} entries, and a later state of {known} is known: "
        "restoring would lose those between."
    )
    way_out_zh = "请恢复更新的快照;若确实没有,加 --accept-loss,丢失的条数会写入审计日志。"
    way_out_en = (
        "Restore a later snapshot; if there is none, add --accept-loss: the loss goes on record."
    )


class BegunBeforeRestore(BackupError):
    """A backup that was under way, or waited, when the snapshot was made that the box came out of."""

    code = "backup.begun-before-restore"
    zh = "该备份操作在恢复之前开始,恢复后的设备不会自行续做。"
    en = "This was begun before the box was restored; the restored box does not go on with it."
    way_out_zh = "请核对备份目标(旧设备是否仍在写入)后运行 wardbox backup create。"
    way_out_en = "Look at the target first (does the old box still write to it?), then run wardbox backup create."


class NewestListDamaged(BackupError):
    """The newest list of snapshots cannot be read, and an older one can."""

    code = "backup.list-damaged"
    zh = "{place} 上最新的快照清单已损坏;第 {found} 代清单可读,其后的快照从其中无从得知。"
    en = (
        "The newest list of snapshots at {place} is damaged. That of generation {found} can be read, and "
        "does not know of what came after it."
    )
    way_out_zh = "请改用这份备份的完好副本或另一目标;若没有,加 --accept-loss 按较早的清单恢复。"
    way_out_en = (
        "Take a sound copy of this backup, or another target; if there is none, --accept-loss goes by "
        "the older list."
    )


class DrillFailed(BackupError):
    """The rehearsed restore did not come to a working box."""

    code = "backup.drill-failed"
    zh = "恢复演练失败:{reason_zh}。"
    en = "The restore drill failed: {reason_en}."
    way_out_zh = "请运行 wardbox backup verify,并在完好的目标上重新备份。"
    way_out_en = "Run wardbox backup verify and back up to a sound target."


class DestroyedUnreadable(BackupError):
    """A file that should tell what was erased does not."""

    code = "backup.destroyed-unreadable"
    zh = "第 {number} 个 --destroyed 文件既不是本设备签发的销毁证明,也不是销毁清单。"
    en = (
        "The file that --destroyed names as number {number} is neither a certificate of destruction "
        "by this box nor a list of what was destroyed."
    )
    way_out_zh = (
        "请给出 wardbox vault erase 写出的证明,或旧设备的 keys/forgotten.jsonl;未恢复任何内容。"
    )
    way_out_en = (
        "Give a certificate that wardbox vault erase wrote, or keys/forgotten.jsonl of the old box; "
        "nothing was restored."
    )


class BoxDestroyed(BackupError):
    """A box that was destroyed on purpose does not come back out of its backup."""

    code = "backup.box-destroyed"
    zh = "这台设备已于 {when} 整机销毁,其备份不得恢复({place})。"
    en = "The whole box was destroyed on {when}; it is not restored from {place}."
    way_out_zh = "请按销毁证明的说明,一并销毁这份备份。"
    way_out_en = "Destroy this backup too, as the certificate of destruction says."
