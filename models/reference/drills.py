"""Copy drills: short exercises that teach a small model to copy instead of to guess."""

import random

from models.reference.people import BEYOND, gb2312, split_name
from models.reference.placeholders import TOKENS

_LABELS = ("姓名", "住院号", "床号", "电话", "诊断", "用药", "症状", "住址")
_LATIN = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def copy_drill(rng: random.Random, split: str = "train") -> tuple[str, str]:
    """A request to copy a few labelled values, and the copy."""
    labels = rng.sample(_LABELS, rng.randint(2, 5))
    values = [rng.choice(_KINDS)(rng, split) for _ in labels]
    asked = "\n".join(label + value for label, value in zip(labels, values, strict=True))
    order = list(zip(labels, values, strict=True))
    if rng.randrange(2):
        rng.shuffle(order)
        wanted = "、".join(label for label, _ in order)
        return f"依次抄写{wanted}\n{asked}", "，".join(a + b for a, b in order) + "。"
    return f"抄写\n{asked}", "，".join(a + b for a, b in order) + "。"


def _han(rng: random.Random, split: str) -> str:
    del split
    pool = gb2312(1) if rng.randrange(4) else gb2312(2) + tuple(BEYOND)
    return "".join(rng.choice(pool) for _ in range(rng.randint(2, 4)))


def _usual(rng: random.Random, split: str) -> str:
    return split_name(rng, "usual", rng.choice("男女"), split)


def _rare(rng: random.Random, split: str) -> str:
    return split_name(rng, "rare", rng.choice("男女"), split)


def _digits(rng: random.Random, split: str) -> str:
    del split
    return str(rng.randrange(10 ** rng.randint(1, 8)))


def _decimal(rng: random.Random, split: str) -> str:
    del split
    return f"{rng.randrange(10000) / 10 ** rng.randint(1, 3):g}"


def _code(rng: random.Random, split: str) -> str:
    del split
    head = "".join(rng.choice(_LATIN) for _ in range(rng.randint(1, 3)))
    return f"{head}{rng.randrange(10**6)}"


def _placeholder(rng: random.Random, split: str) -> str:
    del split
    return rng.choice(tuple(TOKENS.values()))


_KINDS = (_han, _han, _usual, _rare, _digits, _decimal, _code, _placeholder)
