"""Invented people: usual names, and rare ones that a model has never seen, with valid numbers."""

import datetime as dt
import functools
import random
import zlib

from models.reference.chance import chance
from models.reference.facts import Patient
from models.reference.identity import age_on, check_digit

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
GIVEN_WOMEN = "秀英芳兰玉珍桂香淑华梅红霞丽娟凤莲素琴云春燕翠萍月娥美慧敏静雪琳洁婷颖爱巧彩瑞惠珠"
GIVEN_MEN = (
    "建国志强明军伟勇平东海德福荣祥庆文斌永林贵全学金宝成家树根生光辉立新峰涛超俊杰浩鹏振宏正"
)
COMPOUND_SURNAMES = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
    "轩辕",
    "钟离",
    "宇文",
    "长孙",
    "鲜于",
    "闾丘",
    "司徒",
    "司空",
    "亓官",
    "澹台",
    "呼延",
    "赫连",
    "濮阳",
    "端木",
    "独孤",
    "夏侯",
    "西门",
    "南宫",
    "百里",
    "拓跋",
)
# Beyond GB 2312: characters of real given names in GBK, Extension A, B and later.
BEYOND = "喆堃珺昇玥翀犇淼焱垚燊堉玟妤頔暐晧珅玙㛃㻏䶮䴖䲟㳚𬭸𫖯𬱖𠅤𨨏𣲗𫓶𬬩𪩘𬤇𬀩"
MINORITY_PARTS = (
    "阿卜杜拉",
    "买买提",
    "古丽娜尔",
    "艾合买提",
    "吐尔逊",
    "帕提古丽",
    "热依汗",
    "库尔班江",
    "努尔买买提",
    "阿依努尔",
    "扎西",
    "次仁",
    "卓玛",
    "罗布",
    "旦增",
    "巴特尔",
    "乌兰",
    "其其格",
    "阿古拉",
    "苏日娜",
    "玛依拉",
    "叶尔兰",
    "哈斯",
    "木合塔尔",
    "伊力哈木",
    "迪丽努尔",
)
# Real prefectures are left out on purpose: 999 stands where a county code would.
_REGIONS = ("110999", "310999", "330999", "420999", "440999", "510999", "610999", "650999")
_PLACES = ("青松路", "东湖街", "望江里", "石桥巷", "南苑小区", "杏林路", "梧桐街", "临河村")


@functools.cache
def gb2312(level: int) -> tuple[str, ...]:
    """The Han characters of GB 2312-80: level 1 (rows 16-55, 3755) or level 2 (56-87, 3008)."""
    rows = range(16, 56) if level == 1 else range(56, 88)
    found = []
    for row in rows:
        for cell in range(1, 95):
            try:
                found.append(bytes((row + 0xA0, cell + 0xA0)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return tuple(found)


def is_unseen(name: str) -> bool:
    """Whether a name belongs to the evaluation's eighth of all names; training never draws it."""
    return zlib.crc32(name.encode()) % 8 == 0


def name(rng: random.Random, pool: str = "usual", sex: str = "女") -> str:
    """A name of the usual pool, or a rare one: rare characters, compound surname, middle dot."""
    if pool == "usual":
        given = GIVEN_WOMEN if sex == "女" else GIVEN_MEN
        return rng.choice(SURNAMES) + "".join(rng.sample(given, rng.choice((1, 2, 2))))
    return rng.choice((_rare, _compound, _minority))(rng)


def _rare(rng: random.Random) -> str:
    every = gb2312(1) + gb2312(2)
    drawn = [rng.choice(every) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    if chance(rng, 0.4):
        drawn[-1] = rng.choice(BEYOND)
    return rng.choice(SURNAMES + "佘仝乜逄麴郗郄亓俎昝鄢璩缪") + "".join(drawn)


def _compound(rng: random.Random) -> str:
    every = gb2312(1) + gb2312(2)
    given = rng.choice((every, GIVEN_WOMEN, GIVEN_MEN, BEYOND))
    return rng.choice(COMPOUND_SURNAMES) + "".join(rng.choice(given) for _ in range(2))


def _minority(rng: random.Random) -> str:
    return "·".join(rng.sample(MINORITY_PARTS, rng.choice((2, 2, 2, 3))))


def split_name(rng: random.Random, pool: str, sex: str, split: str) -> str:
    """A name of one split: training and unseen patients share no name."""
    while True:
        drawn = name(rng, pool, sex)
        if is_unseen(drawn) == (split == "unseen"):
            return drawn


def sample_patient(
    rng: random.Random,
    pool: str = "usual",
    *,
    ages: tuple[int, int] = (50, 90),
    day: dt.date = dt.date(2025, 3, 16),
    split: str = "train",
    sex: str | None = None,
) -> Patient:
    """An invented patient; the numbers are valid in form and belong to no county that exists.

    Args:
        rng: where the chance comes from.
        pool: usual or rare names.
        ages: the youngest and oldest age in years.
        day: the day on which the age holds.
        split: train or unseen; the two share no name.
        sex: 男 or 女; drawn when left out.
    """
    sex = sex or rng.choice("男女")
    born = _birthday(rng, rng.randint(*ages), day)
    age = age_on(born, day)
    first = f"{rng.choice(_REGIONS)}{born:%Y%m%d}{rng.randint(0, 99):02d}"
    first += str(rng.choice((1, 3, 5, 7, 9) if sex == "男" else (0, 2, 4, 6, 8)))
    street = f"{rng.choice(_PLACES)}{rng.randint(1, 300)}号"
    return Patient(
        name=split_name(rng, pool, sex, split),
        sex=sex,
        age=age,
        id_number=first + check_digit(first) if chance(rng, 0.5) else None,
        phone=f"1{rng.choice('35789')}{rng.randint(0, 10**9 - 1):09d}"
        if chance(rng, 0.5)
        else None,
        address=street if chance(rng, 0.2) else None,
        admission_no=f"{rng.choice(('', 'ZY', 'Z'))}{rng.randint(100000, 99999999)}",
        bed=f"{rng.choice(('', '', '加', 'A'))}{rng.randint(1, 80)}".replace("加", "J"),
    )


def _birthday(rng: random.Random, age: int, day: dt.date) -> dt.date:
    """A birthday on which the age holds."""
    latest = dt.date(day.year - age, day.month, min(day.day, 28))
    return latest - dt.timedelta(days=rng.randrange(360))
