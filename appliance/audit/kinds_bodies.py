"""The catalogue's rows about bodies."""

from typing import Final

from appliance.audit.kind import Kind

BODIES: Final = (
    Kind("box:bodies:stop", "暂停保存正文,日志照常。", "Bodies are kept no more.", ("reason",)),
    Kind("box:bodies:resume", "恢复保存正文。", "Bodies are kept again.", ("lost",)),
    Kind(
        "audit:body:lose",
        "断电使最后一次写入的若干条记录缺少正文,这些回答从未发出。",
        "A power cut left entries, of answers that were never given, without their bodies.",
        ("lost",),
    ),
    Kind(
        "box:bodies:expire", "正文到期销毁。", "Bodies were destroyed by age.", ("bodies", "days")
    ),
    Kind(
        "audit:body:read",
        "有人调阅记录的正文。",
        "Somebody asked for the body behind an entry.",
        ("found", "index", "patient"),
    ),
    Kind(
        "audit:patient:forget",
        "患者的密钥已销毁,其正文不可再读。",
        "The keys of a patient were destroyed, and with them the bodies.",
        ("bodies", "digest", "patient"),
    ),
)
