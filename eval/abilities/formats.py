"""Ability B12, following instructions and formats: constraints that a program can decide."""

import random
from collections.abc import Callable, Iterator
from typing import Any

from eval.ability import Ability
from eval.case import Case
from eval.scorers.constraints import score_constraints

TOPICS = (
    "年龄相关性白内障", "原发性高血压", "2 型糖尿病", "社区获得性肺炎", "急性阑尾炎", "慢性胃炎",
    "脑梗死", "心房颤动", "支气管哮喘", "缺铁性贫血", "甲状腺功能减退症", "腰椎间盘突出症",
    "肾结石", "急性中耳炎", "过敏性鼻炎", "带状疱疹", "痛风", "骨质疏松症", "胆囊结石", "妊娠期糖尿病",
    "青光眼", "糖尿病视网膜病变", "翼状胬肉", "角膜炎", "干眼", "急性上呼吸道感染", "慢性阻塞性肺疾病",
    "冠状动脉粥样硬化性心脏病", "肺结核", "病毒性肝炎",
)  # fmt: skip
TASKS = (
    "写一段给患者的健康宣教", "概括典型临床表现", "列出常用检查", "说明随访要点", "写出护理注意事项",
    "概括诊断要点", "说明主要危险因素", "写一段出院指导",
)  # fmt: skip

Constraint = tuple[str, Any]


def _keys(rng: random.Random) -> tuple[str, list[Constraint]]:
    keys = rng.sample(("诊断", "依据", "检查", "处理", "随访", "风险", "用药"), rng.randint(2, 4))
    return f"只输出一个 JSON 对象,键恰好为:{'、'.join(keys)}。", [("json_keys", keys)]


def _numbered(rng: random.Random) -> tuple[str, list[Constraint]]:
    count = rng.randint(2, 6)
    return f"恰好写 {count} 行,每行以“1.”“2.”这样的序号开头。", [("numbered", count)]


def _bulleted(rng: random.Random) -> tuple[str, list[Constraint]]:
    count = rng.randint(2, 6)
    return f"恰好写 {count} 行,每行以“- ”开头。", [("bulleted", count)]


def _short(rng: random.Random) -> tuple[str, list[Constraint]]:
    limit = rng.randint(4, 12) * 10
    return f"全文不超过 {limit} 个字符。", [("at_most_chars", limit)]


def _long(rng: random.Random) -> tuple[str, list[Constraint]]:
    limit = rng.randint(5, 12) * 10
    return f"全文不少于 {limit} 个字符。", [("at_least_chars", limit)]


def _opening(rng: random.Random) -> tuple[str, list[Constraint]]:
    word = rng.choice(("您好,", "总结:", "提示:", "患者须知:"))
    return f"开头必须是“{word}”。", [("starts_with", word)]


def _ending(rng: random.Random) -> tuple[str, list[Constraint]]:
    word = rng.choice(("请遵医嘱。", "祝早日康复。", "如有不适请及时就诊。"))
    return f"结尾必须是“{word}”。", [("ends_with", word)]


def _without_digits(_: random.Random) -> tuple[str, list[Constraint]]:
    return "不得出现任何阿拉伯数字。", [("no_digits", None)]


def _word_wanted(rng: random.Random) -> tuple[str, list[Constraint]]:
    word = rng.choice(("复查", "饮食", "用药", "休息", "家属"))
    return f"必须出现“{word}”一词。", [("contains", word)]


def _word_banned(rng: random.Random) -> tuple[str, list[Constraint]]:
    word = rng.choice(("一定", "保证", "治愈", "绝对"))
    return f"不得出现“{word}”一词。", [("avoids", word)]


FRAMES: tuple[Callable[[random.Random], tuple[str, list[Constraint]]], ...] = (
    _keys, _numbered, _bulleted, _opening, _ending,
)  # fmt: skip
LIMITS: tuple[Callable[[random.Random], tuple[str, list[Constraint]]], ...] = (
    _short, _long, _without_digits, _word_wanted, _word_banned,
)  # fmt: skip
SIZE = 2400


def cases(seed: int) -> Iterator[Case]:
    """2,400 questions; each asks for one frame and, in two of three, for a limit as well.

    A numbered list with no digits cannot be written: that pair is never asked for.
    """
    rng = random.Random(f"B12/{seed}")  # noqa: S311  sampling, not secrets
    seen: set[str] = set()
    while len(seen) < SIZE:
        frame, limit = rng.choice(FRAMES), rng.choice((*LIMITS, *LIMITS, None))
        if frame is _numbered and limit is _without_digits:
            continue
        words, constraints = frame(rng)
        if limit is not None:
            more, further = limit(rng)
            words, constraints = words + more, constraints + further
        question = f"请就“{rng.choice(TOPICS)}”{rng.choice(TASKS)}。要求:{words}"
        if question in seen:
            continue
        seen.add(question)
        yield Case(
            id=f"B12-{seed}-{len(seen):04d}",
            ability="B12",
            messages=({"role": "user", "content": question},),
            key={"constraints": [list(constraint) for constraint in constraints]},
            fact="+".join(name for name, _ in constraints),
            max_tokens=256,
        )


ABILITY = Ability(
    id="B12",
    zh="指令与格式遵循",
    en="following instructions and formats",
    key_class="P",
    metric="约束满足率 share of constraints met(全部满足才算通过 a case passes when all hold)",
    cases=cases,
    score=score_constraints,
)
