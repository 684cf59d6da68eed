"""Settings of space: shares of the disk at which work stops, the log's reserve, quotas of areas."""

from appliance.settings.field import Section, told

_MOST_GIB = 1_048_576


class StorageSettings(Section):
    """How the box shares its disk."""

    low_percent: int = told(
        10,
        "剩余空间低于该比例时不再开始新任务。",
        "Below this share of free space no job starts.",
        "%",
        ge=2,
        le=50,
    )
    critical_percent: int = told(
        4,
        "剩余空间低于该比例时运行中的任务保存进度并停下,不再接收文件与模型;应答与审计照常。",
        "Below this share running jobs save their work and stop, and no file or model comes in; "
        "answers and the audit log go on.",
        "%",
        ge=1,
        le=40,
    )
    log_reserve_mib: int = told(
        256,
        "为审计日志与数据库预留的空间,其余一切写满后才动用。",
        "Room kept for the audit log and the database, used when everything else is full.",
        "MiB",
        ge=0,
        le=65_536,
    )
    shelf_gib: int = told(
        0, "模型架的上限;0 表示不限。", "Quota of the model shelf; 0 means none.", "GiB",
        ge=0, le=_MOST_GIB,
    )  # fmt: skip
    datasets_gib: int = told(
        0, "数据集与应用文件的上限;0 表示不限。", "Quota of datasets and callers' files; 0 means none.",
        "GiB", ge=0, le=_MOST_GIB,
    )  # fmt: skip
    jobs_gib: int = told(
        0, "任务目录的上限;0 表示不限。", "Quota of the directories of jobs; 0 means none.", "GiB",
        ge=0, le=_MOST_GIB,
    )  # fmt: skip
    audit_gib: int = told(
        0,
        "审计日志超过该大小时告警(从不删除);0 表示不告警。",
        "Size of the audit log that raises an alert; it is never cut. 0 means none.",
        "GiB",
        ge=0,
        le=_MOST_GIB,
    )
    bodies_gib: int = told(
        0, "正文数据库的上限,达到后不再保存正文;0 表示不限。",
        "Quota of the bodies behind the record; beyond it none are kept. 0 means none.", "GiB",
        ge=0, le=_MOST_GIB,
    )  # fmt: skip
    staging_gib: int = told(
        0, "上传、导出与备份暂存区的上限;0 表示不限。",
        "Quota of uploads, exports and what backups stage; 0 means none.", "GiB", ge=0, le=_MOST_GIB,
    )  # fmt: skip
