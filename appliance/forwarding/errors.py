"""Refusals of forwarding: it is off, set up wrongly, or the receiver is not who it should be."""

from appliance.errors import ApplianceError


class ForwardError(ApplianceError):
    """A refusal by the room of forwarding; the log is as it was."""

    code = "forward"
    zh = "转发被拒绝。"
    en = "Forwarding was refused."
    way_out_zh = "请查看 docs/operate/audit.md。"
    way_out_en = "See docs/operate/audit.md."


class ForwardOff(ForwardError):
    """No receiver is set."""

    code = "forward.off"
    zh = "没有设置接收方,转发未启用。"
    en = "No receiver is set, so nothing is forwarded."
    way_out_zh = "请在设置 [forward] 中填写 host 与 ca_file,然后重启服务。"
    way_out_en = "Set host and ca_file in the settings, section [forward], and restart the box."


class ForwardMisconfigured(ForwardError):
    """The settings cannot be used."""

    code = "forward.misconfigured"
    zh = "转发设置不可用:{reason_zh}。"
    en = "Forwarding is set up wrongly: {reason_en}."
    way_out_zh = "请更正设置 [forward] 后重启服务;记录一直保存在本机,更正后继续转发。"
    way_out_en = "Correct the settings, section [forward], and restart; what waits is sent then."


class ReceiverLost(ForwardError):
    """The receiver cannot be reached, is not who it should be, or left."""

    code = "forward.receiver-lost"
    zh = "接收方 {target} 不可用:{reason_zh}。"
    en = "The receiver {target} cannot be used: {reason_en}."
    way_out_zh = "请检查接收方、证书与网络;未送达的记录保存在本机,恢复后自动补发。"
    way_out_en = (
        "Check the receiver, its certificate and the network; what waits is sent by itself."
    )
