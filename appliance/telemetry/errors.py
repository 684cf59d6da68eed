"""Refusals of the telemetry room."""

from appliance.errors import ApplianceError


class AlertUnknown(ApplianceError):
    """There is no such alert."""

    code = "alert.unknown"
    zh = "没有编号为 {alert} 的告警。"
    en = "There is no alert {alert}."
    way_out_zh = "GET /api/v1/alerts 列出全部告警。"
    way_out_en = "GET /api/v1/alerts lists them."


class AlertNeedsPerson(ApplianceError):
    """A key asked for what only a person may do."""

    code = "alert.needs-person"
    zh = "告警只能由人确认,密钥不行。"
    en = "Only a person can acknowledge an alert, not a key."
    way_out_zh = "请登录后确认,或在本机控制台确认。"
    way_out_en = "Sign in and do it, or do it on the box's own console."


class TooManyFollowers(ApplianceError):
    """Every event stream that the box keeps open is taken."""

    code = "events.too-many"
    zh = "已有 {most} 个事件流打开。"
    en = "{most} event streams are open already."
    way_out_zh = "请关闭不用的控制台或监控程序后重试。"
    way_out_en = "Close consoles or monitors that nobody needs and try again."


class TracesRefused(ApplianceError):
    """Traces would leave the hospital's own network."""

    code = "telemetry.endpoint-refused"
    zh = "追踪数据的目的地 {endpoint} 不可用:{reason_zh}。"
    en = "Traces cannot go to {endpoint}: {reason_en}."
    way_out_zh = "请在 telemetry.traces_endpoint 填写内网地址,如 http://10.0.0.5:4318;不填则关闭。"
    way_out_en = (
        "Give telemetry.traces_endpoint an address inside the hospital, for example "
        "http://10.0.0.5:4318, or leave it out to switch traces off."
    )
