"""Refusals about bodies: one that was forgotten, one that was never kept, one that was altered."""

from appliance.errors import ApplianceError


class BodyForgotten(ApplianceError):
    """The keys of the patient were destroyed."""

    code = "body.forgotten"
    zh = "该正文属于一位已被遗忘的患者,其密钥于 {when} 销毁,任何人都无法再读取。"
    en = "This body is of a patient who was forgotten: the keys were destroyed on {when}, and nobody can read it."
    way_out_zh = "记录本身仍然有效且可验证;销毁证明由当时的操作人保存。"
    way_out_en = (
        "The entry still stands and verifies; whoever had it destroyed keeps the certificate."
    )


class BodyNotKept(ApplianceError):
    """There is no body behind this entry."""

    code = "body.not-kept"
    zh = "第 {index} 条记录没有保存正文:{reason_zh}。"
    en = "No body is kept behind entry {index}: {reason_en}."
    way_out_zh = "设置 audit.bodies 决定保存哪些正文,audit.bodies_days 决定保存多久。"
    way_out_en = "The setting audit.bodies says which bodies are kept, audit.bodies_days how long."


class BodyDamaged(ApplianceError):
    """What lies there is not what the entry was made of."""

    code = "body.damaged"
    zh = "收据 {receipt} 的正文与记录中的摘要不符,可能已被更改。"
    en = "The body of receipt {receipt} does not agree with the hashes in its entry; it may have been altered."
    way_out_zh = "请保留 bodies.db 并联系审计人员;记录本身不受影响。"
    way_out_en = "Keep bodies.db as it is and call the auditor; the entry itself is not affected."


class PatientInvalid(ApplianceError):
    """An identifier of a patient that cannot be one."""

    code = "body.patient-invalid"
    zh = "患者标识须为 1 至 128 个可见字符,前后没有空格。"
    en = "A patient's identifier has 1-128 visible characters and no space around it."
    way_out_zh = "请使用患者在医院系统中的编号,例如病案号。"
    way_out_en = (
        "Give the number that the patient has in the hospital's systems, the record number say."
    )
