"""The page about engines names every failure, every place in braces and every ability."""

import re
from pathlib import Path

from models.engines import explain
from models.engines.declaration import PLACES, Declaration
from models.engines.engine import ABILITIES
from models.engines.explain import Failure
from models.engines.last_words import WORDS

PAGE = (Path(__file__).resolve().parents[3] / "docs/operate/engines.md").read_text(encoding="utf-8")


def test_every_failure_is_told() -> None:
    codes = {words.code for words in WORDS}
    codes |= {value.code for value in vars(explain).values() if isinstance(value, Failure)}
    codes |= {failure.code for failure in explain._SIGNALS.values()}
    codes |= {"ended", "signalled", explain.UNSTARTED}
    table = PAGE.split("| 代码 code", 1)[1].split("##", 1)[0]
    assert set(re.findall(r"`([a-z-]+)`", table)) == codes


def test_every_field_and_place_is_told() -> None:
    table = PAGE.split("| 字段 field", 1)[1].split("##", 1)[0]
    told = set(re.findall(r"`([a-z_]+)`", table))
    fields = set(Declaration.__dataclass_fields__) - {"pulse"} | {"metrics", "counters"}
    assert fields <= told
    assert set(re.findall(r"[a-z_]+", table)) >= PLACES | ABILITIES
