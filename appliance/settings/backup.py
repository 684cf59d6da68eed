"""Settings of backups: when, to whom besides the box itself, and how many are kept."""

from typing import Annotated

from pydantic import StringConstraints

from appliance.settings.field import Section, told

_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_RECIPIENT = r"^age1[02-9ac-hj-np-z]{58}$"


class BackupSettings(Section):
    """Backups of the box; targets are named with `wardbox backup target add`."""

    time: str = told(
        "01:30", "每晚备份的时间(时:分)。", "Time of the nightly backup (HH:MM).", pattern=_TIME
    )
    verify_day: int = told(
        5,
        "每周校验的日子:0 为星期一,6 为星期日。",
        "Day of the weekly check: 0 is Monday, 6 is Sunday.",
        ge=0,
        le=6,
    )
    drill_day: int = told(
        1, "每月恢复演练的日期。", "Day of the month of the restore drill.", "day", ge=1, le=28
    )
    keep_daily: int = told(
        14, "保留多少天的最后一个备份。", "Days whose last backup is kept.", ge=1, le=3660
    )
    keep_weekly: int = told(
        8, "保留多少周的最后一个备份。", "Weeks whose last backup is kept.", ge=0, le=520
    )
    keep_monthly: int = told(
        12, "保留多少月的最后一个备份。", "Months whose last backup is kept.", ge=0, le=240
    )
    threads: int = told(2, "备份使用的线程数。", "Threads of a backup.", ge=1, le=16)
    passphrase: bool = told(
        False,
        "备份也可用保险库口令打开;捡到备份的人可以不限次数地猜。",
        "A passphrase of the vault opens backups too; whoever finds one can guess without end.",
    )
    recipients: list[Annotated[str, StringConstraints(pattern=_RECIPIENT)]] = told(
        [],
        "除设备自身外还能打开备份的 age 公钥。",
        "Age recipients that open backups besides the box's own key.",
        max_length=8,
    )
