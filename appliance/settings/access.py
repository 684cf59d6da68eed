"""Settings of access: passwords, lockouts, sessions, two-person actions and the quota calendar."""

from appliance.settings.field import Section, told


class AccessSettings(Section):
    """Who comes in, and how."""

    password_length: int = told(
        10, "密码的最少字符数。", "Fewest characters of a password.", ge=8, le=128
    )
    password_classes: int = told(
        1,
        "密码须含小写、大写、数字、其他字符中的几类;等保三级建议 3。",
        "How many of small letters, capitals, digits and others a password holds; MLPS 3 suggests 3.",
        ge=1,
        le=4,
    )
    password_history: int = told(
        5,
        "最近几个密码不得重复使用。",
        "How many of the last passwords may not come back.",
        ge=0,
        le=24,
    )
    password_max_days: int = told(
        90,
        "密码的有效天数,到期后登录只能更换密码;0 表示不限。",
        "Life of a password; after it a sign-in can only change it. 0 means no limit.",
        "day",
        ge=0,
        le=3650,
    )
    lockout_failures: int = told(
        5, "同一用户名连续失败几次后锁定。", "Failed sign-ins that lock a name.", ge=3, le=100
    )
    lockout_source_failures: int = told(
        30,
        "同一来源地址失败几次后锁定。",
        "Failed sign-ins that lock an address.",
        ge=3,
        le=10_000,
    )
    lockout_s: int = told(
        900,
        "首次锁定的时间,之后逐次加倍,至多一天。",
        "The first lockout; each further one lasts twice as long, a day at most.",
        "s",
        ge=60,
        le=86_400,
    )
    session_hours: int = told(12, "会话的最长时间。", "Longest session.", "h", ge=1, le=168)
    session_idle_min: int = told(
        30, "会话的最长空闲时间。", "Longest pause in a session.", "min", ge=1, le=1440
    )
    two_person: bool = told(
        default=False,
        zh="最危险的管理操作是否须由两位管理员共同完成;只有一位管理员时请保持关闭。",
        en="Whether the most dangerous actions take two administrators; off where there is only one.",
    )
    utc_offset_h: int = told(
        8,
        "日、月配额与用量日期所用的时区(相对 UTC 的小时数);中国全年为 8。",
        "Time zone of daily and monthly quotas and of usage days, hours ahead of UTC; China is 8.",
        "h",
        ge=-12,
        le=14,
    )
