"""The Grafana dashboard of a box, made from the metrics, as docs/operate/grafana holds it."""

import json
from dataclasses import dataclass
from typing import Any, Final

UID: Final = "wardbox"
_WIDTH: Final = 24
_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: What stands above it.
        queries: Pairs of a PromQL expression and the legend of its lines.
        unit: Grafana's name of the unit.
        kind: "timeseries" or "stat".
        width: Columns of 24.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8


def _share(metric: str, quantile: float) -> str:
    rate = f"rate(wardbox_{metric}_bucket[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (le) ({rate}))"


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate(wardbox_{metric}_total[$__rate_interval]))"


PANELS: Final = (
    Panel("保险库 Vault", (("wardbox_vault_state == 1", "{{state}}"),), kind="stat", width=4),
    Panel(
        "告警 Alerts", (("sum by (severity) (wardbox_alerts_raised) or vector(0)", "{{severity}}"),),
        kind="stat", width=4,
    ),
    Panel(
        "审计 Audit", (("wardbox_audit_healthy", "写入 write"), ("wardbox_audit_verified", "校验 verify")),
        kind="stat", width=4,
    ),
    Panel(
        "磁盘剩余 Disk free", (("wardbox_disk_free_bytes / wardbox_disk_bytes", ""),),
        "percentunit", "stat", 4,
    ),
    Panel("证书 Certificate", (("wardbox_certificate_days_left", ""),), "d", "stat", 4),
    Panel("固件级别 Posture", (("wardbox_posture_level", ""),), kind="stat", width=4),
    Panel("请求 Requests", ((_rate("requests", "status"), "{{status}}"),), "reqps"),
    Panel(
        "用时 Latency",
        tuple((_share("request_seconds", q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)), "s",
    ),
    Panel(
        "首个词元 First token",
        tuple((_share("first_token_seconds", q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)), "s",
    ),
    Panel(
        "词元 Tokens",
        (
            (_rate("prompt_tokens", "model"), "{{model}} 读入 read"),
            (_rate("completion_tokens", "model"), "{{model}} 写出 written"),
        ),
    ),
    Panel("拒绝 Refusals", ((_rate("refusals", "code"), "{{code}}"),), "reqps"),
    Panel(
        "限额拒绝 Quota refusals",
        (("rate(wardbox_quota_refusals_total[$__rate_interval])", ""),), "reqps",
    ),
    Panel(
        "引擎中的请求 Requests at the engines",
        (
            ("wardbox_requests_in_flight", "{{model}} 处理中 in flight"),
            ("wardbox_requests_queued", "{{model}} 等待 queued"),
        ),
    ),
    Panel("引擎状态 Engine state", (("wardbox_engine_state == 1", "{{model}} {{state}}"),)),
    Panel(
        "引擎重启 Engine restarts",
        (
            ("increase(wardbox_engine_restarts_total[1h])", "{{model}}"),
            ("increase(wardbox_engine_memory_deaths_total[1h])", "{{model}} 内存不足 memory"),
        ),
    ),
    Panel(
        "显存 GPU memory",
        (("wardbox_gpu_memory_used_bytes / wardbox_gpu_memory_bytes", "{{vendor}} {{card}}"),),
        "percentunit",
    ),
    Panel(
        "加速卡利用率 GPU utilisation",
        (("wardbox_gpu_utilisation_ratio", "{{vendor}} {{card}}"),), "percentunit",
    ),
    Panel(
        "加速卡温度 GPU temperature",
        (("wardbox_gpu_temperature_celsius", "{{vendor}} {{card}}"),), "celsius",
    ),
    Panel("加速卡功率 GPU power", (("wardbox_gpu_power_watts", "{{vendor}} {{card}}"),), "watt"),
    Panel(
        "加速卡错误 GPU errors",
        (("wardbox_gpu_ecc_uncorrected", "ECC {{card}}"), ("wardbox_gpu_xid_last_hour", "Xid")),
    ),
    Panel("任务 Jobs", (("wardbox_jobs", "{{state}}"),)),
    Panel(
        "审计提交 Audit commits",
        tuple((_share("audit_commit_seconds", q), f"p{q * 100:g}") for q in (0.5, 0.99)), "s",
    ),
    Panel(
        "审计记录 Audit events",
        (
            ("rate(wardbox_audit_events_total[$__rate_interval])", "落盘 durable"),
            ("wardbox_audit_waiting", "等待 waiting"),
        ),
    ),
    Panel(
        "见证与转发的时延 Age of witnesses and forwarding",
        (
            ("wardbox_audit_witness_age_seconds", "见证 witness"),
            ("wardbox_forward_lag_seconds", "转发 forwarding"),
        ),
        "s",
    ),
    Panel(
        "见证与转发 Witnesses, forwarding",
        (
            ("wardbox_audit_witnesses", "见证方 witnesses"),
            ("wardbox_audit_witnesses_stale", "过久 silent"),
            ("wardbox_audit_second_key_ok", "第二把密钥 second key"),
            ("wardbox_forward_ok", "转发正常 forwarding"),
            ("wardbox_forward_behind_entries", "积压 behind"),
            ("rate(wardbox_forward_messages_total[$__rate_interval])", "转发 messages"),
        ),
    ),
    Panel(
        "距上次备份 Since the last backup", (("wardbox_backup_age_seconds", "{{what}}"),), "s",
    ),
    Panel(
        "备份 Backups",
        (
            ("wardbox_backup_targets", "目标 targets"),
            ("wardbox_backup_targets_failed", "失败 failed"),
            ("wardbox_backup_objects_damaged", "损坏的对象 damaged objects"),
        ),
    ),
    Panel(
        "进程 Process",
        (
            ("wardbox_process_resident_bytes", "常驻内存 resident"),
            ("wardbox_process_open_files / wardbox_process_open_files_limit", "文件 files"),
        ),
        "bytes",
    ),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it; the data source is asked for at the import."""
    return {
        "uid": UID,
        "title": "WardBox 医疗可信一体机",
        "tags": ["wardbox"],
        "timezone": "browser",
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "type": "datasource",
                    "query": "prometheus",
                    "label": "Prometheus",
                }
            ]
        },
        "panels": _placed(),
    }


def dashboard_text() -> str:
    """The file."""
    return json.dumps(dashboard(), ensure_ascii=False, indent=1) + "\n"


def _placed() -> list[dict[str, Any]]:
    """The panels from left to right, a new row where one is full."""
    placed: list[dict[str, Any]] = []
    left, top = 0, 0
    for number, panel in enumerate(PANELS, 1):
        if left + panel.width > _WIDTH:
            left, top = 0, top + _HEIGHT
        place = {"x": left, "y": top, "w": panel.width, "h": _HEIGHT}
        placed.append(_panel(panel, number, place))
        left += panel.width
    return placed


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "gridPos": place,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": expr,
                "legendFormat": legend,
            }
            for at, (expr, legend) in enumerate(panel.queries)
        ],
    }
