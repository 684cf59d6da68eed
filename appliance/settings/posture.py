"""Settings of the firmware checks: when they run, and what follows from what they find."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from appliance.settings.field import Section, told

Follows = Literal["nothing", "warn", "stop-training", "lock-vault"]
_ID = r"^[a-z-]{1,40}\.[a-z-]{1,40}$"
_WORDS_ZH = "nothing 不做什么、warn 警告、stop-training 停止训练、lock-vault 锁定保险库"


class PostureSettings(Section):
    """What the box does when its own ground is not sound."""

    time: str = told(
        "03:30",
        "每晚检查的时刻。",
        "Hour of the nightly check.",
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    )
    critical: Follows = told(
        "warn",
        f"影响为 critical 的检查未通过时:{_WORDS_ZH}。",
        "What follows when a check of critical impact fails: nothing, warn, stop-training, lock-vault.",
    )
    high: Follows = told(
        "warn",
        "影响为 high 的检查未通过时,取值同上。",
        "What follows when a check of high impact fails; as above.",
    )
    medium: Follows = told(
        "warn",
        "影响为 medium 的检查未通过时,取值同上。",
        "What follows when a check of medium impact fails; as above.",
    )
    low: Follows = told(
        "nothing",
        "影响为 low 的检查未通过时,取值同上。",
        "What follows when a check of low impact fails; as above.",
    )
    undecided: Follows = told(
        "nothing",
        "无法检查时(不论影响),取值同上。",
        "What follows from a check that could not be made, whatever its impact; as above.",
    )
    accepted: list[Annotated[str, StringConstraints(pattern=_ID)]] = told(
        [],
        "医院已知并接受的检查编号,如 tpm.present;不再有后果,报告与等级照旧。",
        "Checks that the hospital knows of and accepts, such as tpm.present: nothing follows from them; "
        "report and level stay as they are.",
        max_length=64,
    )
