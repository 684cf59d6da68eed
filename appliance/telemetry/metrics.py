"""Every metric of the box: name, kind, labels from closed sets, and what it says."""

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "wardbox_"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name without the suffixes that Prometheus adds.
        kind: "counter", "gauge" or "histogram".
        labels: Names of its labels; their values come from closed sets.
        zh: What it says, in Chinese.
        en: The same in English; it is the help text too.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    zh: str
    en: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which its samples stand in Prometheus."""
        if self.kind == "counter":
            return (f"{self.name}_total",)
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


_ROUTE: Final = ("route", "model")
_CARD: Final = ("vendor", "card")
_MODEL: Final = ("model",)


def _gauge(name: str, labels: tuple[str, ...], zh: str, en: str) -> Metric:
    return Metric(PREFIX + name, "gauge", labels, zh, en)


def _counter(name: str, labels: tuple[str, ...], zh: str, en: str) -> Metric:
    return Metric(PREFIX + name, "counter", labels, zh, en)


def _histogram(name: str, labels: tuple[str, ...], zh: str, en: str) -> Metric:
    return Metric(PREFIX + name, "histogram", labels, zh, en)


REQUESTS: Final = _counter(
    "requests", (*_ROUTE, "status"), "已应答的请求。", "Requests that were answered."
)
REFUSALS: Final = _counter(
    "refusals",
    ("route", "code"),
    "按代码统计的拒绝。",
    "Requests that ended in a problem, by code.",
)
QUOTA_REFUSALS: Final = _counter(
    "quota_refusals", (), "因限额被拒的请求。", "Requests refused for a quota."
)
LATENCY: Final = _histogram(
    "request_seconds", _ROUTE, "请求用时。", "Seconds from a request to the end of its answer."
)
FIRST_TOKEN: Final = _histogram(
    "first_token_seconds", _ROUTE, "首个词元用时。", "Seconds until the first token left."
)
PROMPT_TOKENS: Final = _counter("prompt_tokens", _ROUTE, "读入的词元。", "Tokens read.")
COMPLETION_TOKENS: Final = _counter("completion_tokens", _ROUTE, "写出的词元。", "Tokens written.")
ENGINE_STATE: Final = _gauge(
    "engine_state", ("model", "state"), "引擎状态(1 为当前)。", "1 for the state of an engine."
)
ENGINE_RESTARTS: Final = _counter(
    "engine_restarts", _MODEL, "引擎重启次数。", "Starts of an engine after its first."
)
ENGINE_MEMORY_DEATHS: Final = _counter(
    "engine_memory_deaths", _MODEL, "引擎因内存不足退出的次数。",
    "Times an engine was seen to end for lack of memory.",
)  # fmt: skip
IN_FLIGHT: Final = _gauge(
    "requests_in_flight", _MODEL, "正在处理的请求。", "Requests that an engine works on."
)
QUEUED: Final = _gauge(
    "requests_queued", _MODEL, "等待引擎的请求。", "Requests that wait for an engine."
)
CARD_MEMORY: Final = _gauge("gpu_memory_bytes", _CARD, "显存总量。", "Memory of an accelerator.")
CARD_MEMORY_USED: Final = _gauge(
    "gpu_memory_used_bytes", _CARD, "已用显存。", "Memory of an accelerator in use."
)
CARD_BUSY: Final = _gauge(
    "gpu_utilisation_ratio",
    _CARD,
    "加速卡忙碌比例。",
    "Share of time an accelerator is busy, 0 to 1.",
)
CARD_HEAT: Final = _gauge(
    "gpu_temperature_celsius", _CARD, "加速卡温度。", "Temperature of an accelerator."
)
CARD_POWER: Final = _gauge("gpu_power_watts", _CARD, "加速卡功率。", "Power an accelerator draws.")
CARD_ECC: Final = _gauge(
    "gpu_ecc_uncorrected",
    _CARD,
    "无法纠正的显存错误。",
    "Uncorrected memory errors of an accelerator.",
)
XIDS: Final = _gauge(
    "gpu_xid_last_hour", (), "一小时内的 Xid 错误。", "NVIDIA driver errors (Xid) of the last hour."
)
AUDIT_HEALTHY: Final = _gauge(
    "audit_healthy", (), "审计日志可写为 1。", "1 while the audit log can be written."
)
AUDIT_VERIFIED: Final = _gauge(
    "audit_verified",
    (),
    "最近一次校验通过为 1。",
    "1 when the last verification of the audit log passed.",
)
AUDIT_ENTRIES: Final = _gauge("audit_entries", (), "审计记录数。", "Entries of the audit log.")
AUDIT_WAITING: Final = _gauge(
    "audit_waiting", (), "等待写入的审计记录。", "Events that wait for the next commit."
)
AUDIT_COMMIT: Final = _histogram(
    "audit_commit_seconds", (), "审计提交用时。", "Seconds of a commit of the audit log."
)
AUDIT_EVENTS: Final = _counter("audit_events", (), "已落盘的审计记录。", "Events made durable.")
VAULT: Final = _gauge(
    "vault_state", ("state",), "保险库状态(1 为当前)。", "1 for the state of the vault."
)
JOBS: Final = _gauge("jobs", ("state",), "各状态的任务数。", "Jobs by state.")
ALERTS: Final = _gauge(
    "alerts_raised", ("rule", "severity"), "当前告警。", "Alerts that are raised."
)
DISK: Final = _gauge(
    "disk_bytes", (), "状态所在磁盘容量。", "Size of the disk that holds the state."
)
DISK_FREE: Final = _gauge("disk_free_bytes", (), "磁盘剩余。", "What is free of it.")
CERTIFICATE: Final = _gauge(
    "certificate_days_left", (), "服务器证书剩余天数。", "Days until the server certificate ends."
)
POSTURE: Final = _gauge("posture_level", (), "固件检查级别。", "Level of the last firmware report.")
RESIDENT: Final = _gauge(
    "process_resident_bytes", (), "服务进程常驻内存。", "Resident memory of the box's process."
)
OPEN_FILES: Final = _gauge(
    "process_open_files", (), "服务进程打开的文件。", "Files that the box's process holds open."
)
FILE_LIMIT: Final = _gauge(
    "process_open_files_limit", (), "可打开文件的上限。", "Files that it may hold open."
)
BACKUP_TARGETS: Final = _gauge("backup_targets", (), "备份目标数。", "Targets of backups.")
BACKUP_AGE: Final = _gauge(
    "backup_age_seconds",
    ("what",),
    "最久未成功的目标距上次成功的备份、校验、演练的秒数。",
    "Seconds since the last good backup, check and drill, of the target where it is longest ago.",
)
BACKUP_FAILED: Final = _gauge(
    "backup_targets_failed", (), "最近一次备份失败的目标数。", "Targets whose last backup failed."
)
BACKUP_DAMAGED: Final = _gauge(
    "backup_objects_damaged",
    (),
    "上次校验发现的损坏对象数。",
    "Damaged objects at the last checks.",
)
FOLLOWERS: Final = _gauge("event_followers", (), "打开的事件流。", "Event streams that are open.")
WITNESSES: Final = _gauge(
    "audit_witnesses", (), "登记的见证方数。", "Witnesses that are registered."
)
WITNESSES_STALE: Final = _gauge(
    "audit_witnesses_stale", (), "过久未签名的见证方数。", "Witnesses silent for too long."
)
WITNESS_AGE: Final = _gauge(
    "audit_witness_age_seconds", (), "最久未签名的见证方距今秒数。",
    "Seconds since the last cosignature of the witness where it is longest ago.",
)  # fmt: skip
SECOND_KEY: Final = _gauge(
    "audit_second_key_ok", (), "第二把密钥正常为 1。", "1 while the second key cosigns."
)
FORWARD_BEHIND: Final = _gauge(
    "forward_behind_entries", (), "等待转发的记录数。", "Entries that wait to be forwarded."
)
FORWARD_LAG: Final = _gauge(
    "forward_lag_seconds", (), "最早一条等待转发的秒数。", "Age of the oldest of them."
)
FORWARD_OK: Final = _gauge(
    "forward_ok", (), "转发正常为 1。", "1 while entries can be delivered to the SIEM."
)
FORWARDED: Final = _counter(
    "forward_messages", (), "已交给接收方的消息。", "Messages handed to the receiver."
)

METRICS: Final = (
    REQUESTS, REFUSALS, QUOTA_REFUSALS, LATENCY, FIRST_TOKEN, PROMPT_TOKENS, COMPLETION_TOKENS,
    ENGINE_STATE, ENGINE_RESTARTS, ENGINE_MEMORY_DEATHS, IN_FLIGHT, QUEUED,
    CARD_MEMORY, CARD_MEMORY_USED, CARD_BUSY, CARD_HEAT, CARD_POWER, CARD_ECC, XIDS,
    AUDIT_HEALTHY, AUDIT_VERIFIED, AUDIT_ENTRIES, AUDIT_WAITING, AUDIT_COMMIT, AUDIT_EVENTS,
    VAULT, JOBS, ALERTS, DISK, DISK_FREE, CERTIFICATE, POSTURE,
    BACKUP_TARGETS, BACKUP_AGE, BACKUP_FAILED, BACKUP_DAMAGED,
    WITNESSES, WITNESSES_STALE, WITNESS_AGE, SECOND_KEY,
    FORWARD_BEHIND, FORWARD_LAG, FORWARD_OK, FORWARDED,
    RESIDENT, OPEN_FILES, FILE_LIMIT, FOLLOWERS,
)  # fmt: skip


def metrics_markdown() -> str:
    """The table of docs/reference/metrics.md."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(one.labels) or '-'} | {one.zh} {one.en} |"
        for one in METRICS
    ]
    return "\n".join(
        (
            "# 指标 Metrics",
            "",
            "由代码生成。Written from the code; `tests/appliance/telemetry/test_exposition.py` holds",
            "them equal. `GET /metrics` answers in Prometheus' text format; counters carry the suffix",
            "`_total`, histograms `_bucket`, `_count` and `_sum`.",
            "",
            "| metric | kind | labels | 含义 meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )
