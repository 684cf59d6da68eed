"""Refusals of the database: full disk, wrong key, damage, conflicts, newer files."""

from appliance.errors import ApplianceError


class DbError(ApplianceError):
    """A database refused to work for a reason that has no class of its own."""

    code = "db.failed"
    zh = "数据库 {path} 出错:{reason}。"
    en = "The database {path} failed: {reason}."
    way_out_zh = "请查看日志并检查磁盘;如反复出现,请从备份恢复。"
    way_out_en = "Look into the log and check the disk; if it keeps happening, restore a backup."


class DbDiskFull(DbError):
    """The disk has no room for this change; nothing of it was kept."""

    code = "db.disk-full"
    zh = "磁盘已满,数据库 {path} 无法写入;这次改动没有保存。"
    en = "The disk is full and the database {path} cannot be written; this change was not kept."
    way_out_zh = "请腾出磁盘空间后重试。"
    way_out_en = "Free some disk space and try again."


class DbReadOnly(DbError):
    """The file system takes no writes; nothing of this change was kept."""

    code = "db.read-only"
    zh = "数据库 {path} 所在的文件系统变为只读;这次改动没有保存。"
    en = "The file system of the database {path} is read-only; this change was not kept."
    way_out_zh = "请检查磁盘与系统日志,恢复可写后设备会自行继续。"
    way_out_en = (
        "Check the disk and the system's log; once it can be written the box goes on by itself."
    )


class DbWrongKey(DbError):
    """The key does not open this file, or the file is no database."""

    code = "db.wrong-key"
    zh = "密钥打不开数据库 {path},或者它不是数据库。"
    en = "The key does not open the database {path}, or it is no database."
    way_out_zh = "请确认状态目录与密钥来自同一台设备,或从备份恢复。"
    way_out_en = (
        "Make sure that state directory and keys belong to the same box, or restore a backup."
    )


class DbDamaged(DbError):
    """Pages of the file do not authenticate or hang together."""

    code = "db.damaged"
    zh = "数据库 {path} 已损坏。"
    en = "The database {path} is damaged."
    way_out_zh = "请停机,保留原文件,并从备份恢复。"
    way_out_en = "Stop the box, keep the file as it is, and restore a backup."


class DbConflict(DbError):
    """A change breaks a rule of the tables (a key that exists, a row that is referred to)."""

    code = "db.conflict"
    zh = "与已有数据冲突:{reason}。"
    en = "This conflicts with what is stored: {reason}."
    way_out_zh = "请换一个名称,或先处理已有的记录。"
    way_out_en = "Choose another name, or deal with the existing record first."


class DbMigrationUnknown(DbError):
    """The file was written by a newer version of the software."""

    code = "db.newer-version"
    zh = "数据库 {path} 由更新的版本写成(迁移 {migration})。"
    en = "The database {path} was written by a newer version (migration {migration})."
    way_out_zh = "请安装写成它的版本,或从备份恢复。"
    way_out_en = "Install the version that wrote it, or restore a backup."
