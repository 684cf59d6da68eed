"""What the posture room refuses."""

from appliance.errors import ApplianceError


class PostureUnknown(ApplianceError):
    """No report with this digest is kept: `digest`."""

    code = "posture.unknown"
    zh = "没有摘要为 {digest} 的检查报告。"
    en = "No report of the checks has the digest {digest}."
    way_out_zh = "报告保存约一年;更早的请查审计记录 firmware:check:run。"
    way_out_en = (
        "Reports are kept for about a year; for older ones see firmware:check:run in the record."
    )
