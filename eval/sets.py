"""Evaluation sets that come as data: questions with their keys, scored by scorers of the box.

A set is a folder with `set.json` and `cases.ndjson`. It brings no code: how answers are scored is
chosen by name from the scorers that the box has.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eval.ability import Ability, KeyClass
from eval.case import Answer, Case, Score
from eval.errors import EvalSpecInvalid
from eval.scorers.constraints import JUDGES, score_constraints
from eval.scorers.number import score_number

FORMAT: Final = "wardbox-evaluation-set/1"
SET: Final = "set.json"
CASES: Final = "cases.ndjson"
_MAX_SET: Final = 64 << 10
_MAX_LINE: Final = 256 << 10
_MAX_CASES: Final = 200_000
_MAX_MESSAGES: Final = 64
_MAX_TOKENS: Final = 8192
_MAX_TEXT: Final = 200
_FIELDS: Final = {"format", "id", "title", "metric", "key_class", "scorer", "max_tokens"}
_CASE: Final = {"id", "messages", "key", "fact"}
_CLASSES: Final[Mapping[str, KeyClass]] = {"P": "P", "R": "R", "N": "N"}
_ROLES: Final = {"system", "user", "assistant"}


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A set that was judged.

    Attributes:
        id: Its name; what it is examined by.
        zh: Title in Chinese.
        en: Title in English.
        cases: The questions.
        ability: What a run examines.
    """

    id: str
    zh: str
    en: str
    cases: tuple[Case, ...]
    ability: Ability


def read_set(folder: Path) -> EvaluationSet:
    """Read a set strictly.

    Raises:
        EvalSpecInvalid: It is no set; the reason says where.
    """
    head = _object(_small(folder / SET), SET)
    if set(head) != _FIELDS or head["format"] != FORMAT:
        raise _wrong(SET, "字段不对", "it has other fields")
    name, title = _text(head["id"], "id"), head["title"]
    if not isinstance(title, dict) or set(title) != {"zh", "en"}:
        raise _wrong("title", "应含 zh 和 en", "it must hold zh and en")
    scorer = _scorer(head["scorer"])
    tokens = head["max_tokens"]
    if type(tokens) is not int or not 0 < tokens <= _MAX_TOKENS:
        raise _wrong("max_tokens", f"须为 1 至 {_MAX_TOKENS}", f"it lies in 1..{_MAX_TOKENS}")
    key_class = _CLASSES.get(str(head["key_class"]))
    if key_class is None:
        raise _wrong("key_class", "须为 P、R 或 N", "it is P, R or N")
    cases = tuple(_cases(folder / CASES, name, tokens, scorer[1]))
    zh, en = _text(title["zh"], "title.zh"), _text(title["en"], "title.en")
    ability = Ability(
        id=name,
        zh=zh,
        en=en,
        key_class=key_class,
        metric=_text(head["metric"], "metric"),
        cases=lambda _: iter(cases),
        score=scorer[0],
    )
    return EvaluationSet(name, zh, en, cases, ability)


Scorer = tuple[Callable[[Case, Answer], Score], Callable[[Mapping[str, Any]], bool]]


def _scorer(value: Any) -> Scorer:
    known: dict[str, Scorer] = {
        "number": (score_number, _number_key),
        "constraints": (score_constraints, _constraint_key),
    }
    if not isinstance(value, str) or value not in known:
        raise _wrong("scorer", f"可用 {', '.join(known)}", f"the scorers are {', '.join(known)}")
    return known[value]


def _number_key(key: Mapping[str, Any]) -> bool:
    numbers = all(
        type(key.get(name)) in {int, float} and abs(key[name]) < 1e15  # noqa: PLR2004
        for name in ("value", "tolerance")
    )
    return set(key) == {"value", "tolerance"} and numbers and key["tolerance"] >= 0


def _constraint_key(key: Mapping[str, Any]) -> bool:
    rows = key.get("constraints")
    return (
        set(key) == {"constraints"}
        and isinstance(rows, list)
        and 0 < len(rows) <= len(JUDGES)
        and all(isinstance(row, list) and len(row) == 2 and _limited(*row) for row in rows)  # noqa: PLR2004
    )


_LIMITS: Final[Mapping[str, type]] = {
    "json_keys": list,
    "line_count": int,
    "numbered": int,
    "bulleted": int,
    "at_most_chars": int,
    "at_least_chars": int,
    "contains": str,
    "avoids": str,
    "starts_with": str,
    "ends_with": str,
    "only_choice": list,
}


def _limited(name: Any, limit: Any) -> bool:
    if not isinstance(name, str) or name not in JUDGES:
        return False
    kind = _LIMITS.get(name)
    if kind is None:
        return True
    if kind is list:
        return isinstance(limit, list) and all(isinstance(one, str) for one in limit)
    return type(limit) is kind


def _cases(
    path: Path, name: str, tokens: int, fits: Callable[[Mapping[str, Any]], bool]
) -> Iterator[Case]:
    known: set[str] = set()
    for number, line in enumerate(_lines(path), 1):
        where = f"{CASES}:{number}"
        row = _object(line, where)
        if number > _MAX_CASES:
            raise _wrong(where, "题目过多", "there are too many cases")
        if set(row) != _CASE:
            raise _wrong(where, "字段不对", "it has other fields")
        case_id = _text(row["id"], where)
        if case_id in known:
            raise _wrong(where, "编号重复", "its id stands twice")
        known.add(case_id)
        if not isinstance(row["key"], dict) or not fits(row["key"]):
            raise _wrong(where, "答案与评分方式不符", "its key does not fit the scorer")
        messages = _messages(row["messages"], where)
        yield Case(case_id, name, messages, row["key"], _text(row["fact"], where), tokens)
    if not known:
        raise _wrong(CASES, "没有题目", "there is no case")


def _messages(value: Any, where: str) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_MESSAGES:
        raise _wrong(where, "messages 须为非空列表", "messages must be a list and not empty")
    for one in value:
        fits = isinstance(one, dict) and set(one) == {"role", "content"}
        if not fits or not all(isinstance(text, str) for text in one.values()):
            raise _wrong(where, "messages 的一项无法理解", "a message makes no sense")
        if one["role"] not in _ROLES:
            raise _wrong(where, "messages 的一项无法理解", "a message makes no sense")
    return tuple(value)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while line := stream.readline(_MAX_LINE + 1):
                if len(line) > _MAX_LINE:
                    raise _wrong(path.name, "有一行过长", "a line is too long")
                yield line
    except OSError as error:
        raise _wrong(path.name, "无法读取", f"it cannot be read: {error.strerror}") from error


def _small(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_SET + 1)
    except OSError as error:
        raise _wrong(path.name, "无法读取", f"it cannot be read: {error.strerror}") from error


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise _wrong(where, "不是 JSON", "it is not JSON") from None
    if not isinstance(value, dict):
        raise _wrong(where, "不是 JSON 对象", "it is not a JSON object")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        raise _wrong(where, "须为非空文本", "it must be text and not empty")
    return value


def _wrong(where: str, zh: str, en: str) -> EvalSpecInvalid:
    return EvalSpecInvalid(reason=f"{where}: {zh} {en}")
