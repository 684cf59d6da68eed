"""Clerking in Chinese: the parts of a note that every department shares, as fields and units."""

from models.reference.language import Field, Unit

SECTIONS = (
    ("general", "一般项目"),
    ("chief", "主诉"),
    ("present", "现病史"),
    ("past", "既往史"),
    ("allergy", "过敏史"),
    ("personal", "个人史"),
    ("exam", "专科检查"),
    ("tests", "辅助检查"),
    ("diagnosis", "初步诊断"),
    ("plan", "诊疗计划"),
)
_NUMERALS = "一二三四"

GENERAL_FIELDS = (
    Field("patient.name", "姓名"),
    Field("patient.sex", "性别"),
    Field("patient.age", "年龄"),
    Field("patient.admission_no", "住院号"),
    Field("patient.bed", "床号"),
    Field("patient.id_number", "身份证号"),
    Field("patient.phone", "电话"),
    Field("patient.address", "住址"),
    Field("informant.name", "陈述者"),
    Field("informant.relation", "关系"),
    Field("department", "科室"),
    Field("admission_date", "入院日期"),
)

PAST_FIELDS = (
    Field("history.chronic", "慢性病史"),
    *(
        field
        for place, numeral in enumerate(_NUMERALS[:3], 1)
        for field in (
            Field(f"history.chronic.{place}.disease", f"慢性病{numeral}"),
            Field(f"history.chronic.{place}.years", "病程", "span"),
            Field(f"history.chronic.{place}.drugs", "用药"),
        )
    ),
    Field("history.surgery", "手术史"),
    Field("history.surgery.items", "手术史"),
    Field("history.trauma", "外伤史"),
    Field("history.trauma.items", "外伤史"),
    Field("history.pregnancy_weeks", "妊娠"),
    Field("allergies.status", "过敏史"),
    *(
        field
        for place, numeral in enumerate(_NUMERALS[:3], 1)
        for field in (
            Field(f"allergies.{place}.drug", f"过敏药物{numeral}"),
            Field(f"allergies.{place}.reaction", "反应"),
        )
    ),
    Field("personal", "个人史"),
    Field("personal.smoking", "吸烟"),
    Field("personal.drinking", "饮酒"),
)

GENERAL_UNITS = (
    Unit(
        "identity",
        "general",
        (
            "姓名{patient.name}，性别{patient.sex}，年龄{patient.age}，住院号{patient.admission_no}，床号{patient.bed}。",
            "患者{patient.name}，{patient.sex}，{patient.age}，住院号{patient.admission_no}，床号{patient.bed}。",
            "{patient.name}，{patient.sex}，{patient.age}，床号{patient.bed}，住院号{patient.admission_no}。",
        ),
    ),
    Unit("id", "general", ("身份证号{patient.id_number}。", "身份证号码为{patient.id_number}。")),
    Unit("phone", "general", ("联系电话{patient.phone}。", "电话{patient.phone}。")),
    Unit("address", "general", ("住址{patient.address}。", "现住址为{patient.address}。")),
    Unit(
        "informant",
        "general",
        (
            "病史由{informant.name}代述，关系：{informant.relation}。",
            "代述者{informant.name}，与患者关系为{informant.relation}。",
        ),
    ),
    Unit(
        "admission",
        "general",
        (
            "入院日期{admission_date}，科室{department}。",
            "{admission_date}收入{department}。",
            "于{admission_date}入住{department}。",
        ),
    ),
)

PAST_UNITS = (
    Unit(
        "chronic.none",
        "past",
        ("否认慢性病史。", "既往无慢性病史。", "否认高血压、糖尿病等慢性病史。"),
        (("history.chronic", "无"),),
    ),
    Unit("chronic.unknown", "past", ("慢性病史未提供。",), (("history.chronic", "未提供"),)),
    *(
        Unit(
            f"chronic.{place}",
            "past",
            (
                f"{{history.chronic.{place}.disease}}病史{{history.chronic.{place}.years}}，用药：{{history.chronic.{place}.drugs}}。",
                f"患{{history.chronic.{place}.disease}}{{history.chronic.{place}.years}}，用药：{{history.chronic.{place}.drugs}}。",
                f"有{{history.chronic.{place}.disease}}{{history.chronic.{place}.years}}，平素用药：{{history.chronic.{place}.drugs}}。",
            ),
        )
        for place in (1, 2, 3)
    ),
    Unit("surgery.none", "past", ("否认手术史。", "既往无手术史。"), (("history.surgery", "无"),)),
    Unit("surgery.unknown", "past", ("手术史未提供。",), (("history.surgery", "未提供"),)),
    Unit("surgery", "past", ("手术史：{history.surgery.items}。", "曾行{history.surgery.items}。")),
    Unit("trauma.none", "past", ("否认外伤史。", "既往无外伤史。"), (("history.trauma", "无"),)),
    Unit("trauma.unknown", "past", ("外伤史未提供。",), (("history.trauma", "未提供"),)),
    Unit("trauma", "past", ("外伤史：{history.trauma.items}。", "曾有{history.trauma.items}。")),
    Unit("pregnancy", "past", ("目前{history.pregnancy_weeks}。", "现{history.pregnancy_weeks}。")),
    Unit(
        "allergy.none",
        "allergy",
        ("否认药物过敏史。", "无药物过敏史。", "未发现药物过敏。"),
        (("allergies.status", "无"),),
    ),
    Unit("allergy.unknown", "allergy", ("药物过敏史未提供。",), (("allergies.status", "未提供"),)),
    Unit(
        "allergy.unnamed",
        "allergy",
        ("有药物过敏史，具体药物未提供。",),
        (("allergies.status", "有"),),
    ),
    *(
        Unit(
            f"allergy.{place}",
            "allergy",
            (
                f"对{{allergies.{place}.drug}}过敏，反应{{allergies.{place}.reaction}}。",
                f"{{allergies.{place}.drug}}过敏，表现为{{allergies.{place}.reaction}}。",
            ),
        )
        for place in (1, 2, 3)
    ),
    Unit("personal.unknown", "personal", ("个人史未提供。",), (("personal", "未提供"),)),
    Unit(
        "personal",
        "personal",
        (
            "{personal.smoking}，{personal.drinking}。",
            "患者{personal.smoking}，{personal.drinking}。",
            "平素{personal.smoking}，{personal.drinking}。",
        ),
    ),
)
