"""A model card: what a model is, what it is for, and where its limits lie."""

import json
import re
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from models.errors import CardMalformed

MAX_CARD_BYTES: Final = 256 << 10
_MODEL_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MAX_TEXT: Final = 20_000
_MAX_WORD: Final = 200
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Bilingual:
    """The same text in Chinese and English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One measured result.

    Attributes:
        suite: What was run, for example "S9 admission note".
        metric: What was counted, for example "fields exact".
        value: The result; a share lies between 0 and 1.
        cases: How many cases it rests on.
        date: Day of the run, YYYY-MM-DD.
    """

    suite: str
    metric: str
    value: float
    cases: int
    date: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a supplier states about a model; it is signed together with the files.

    Attributes:
        id: Short name on this box: lower case letters, digits, dot, hyphen, underscore.
        name: Name for people.
        version: Version of the model.
        architecture: Architecture name, as in the file.
        parameters: Number of weights.
        context: Longest context in tokens.
        quantisation: Storage type, as in the file.
        licence: SPDX expression or name of the licence.
        intended_use: What it is for.
        limits: What it must not be used for, and where it fails.
        training_data: What it was trained on.
        languages: Languages as BCP 47 tags.
        filing_number: Filing number of the generative-AI service (备案号), if filed.
        base_model: Id of the model it was made from, if any.
        evaluations: Measured results.
    """

    id: str
    name: Bilingual
    version: str
    architecture: str
    parameters: int
    context: int
    quantisation: str
    licence: str
    intended_use: Bilingual
    limits: Bilingual
    training_data: Bilingual
    languages: tuple[str, ...]
    filing_number: str | None = None
    base_model: str | None = None
    evaluations: tuple[Evaluation, ...] = ()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Reads a card from strict JSON (UTF-8).

        Raises:
            CardMalformed: Not JSON, a duplicate or unknown key, a missing or wrong field.
        """
        if len(raw) > MAX_CARD_BYTES:
            raise _malformed("card", "过大", "too big")
        try:
            data = json.loads(
                raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
            )
        except (ValueError, RecursionError) as error:
            raise _malformed("card", "不是合法的 JSON", "not valid JSON") from error
        return cls.from_json(data)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Reads a card from parsed JSON; unknown keys are refused.

        Raises:
            CardMalformed: A missing, unknown or wrong field.
        """
        reader = _Fields(data, "card", {field.name for field in fields(cls)})
        return cls(
            id=model_id(reader.word("id")),
            name=reader.bilingual("name"),
            version=reader.word("version"),
            architecture=reader.word("architecture"),
            parameters=reader.count("parameters"),
            context=reader.count("context"),
            quantisation=reader.word("quantisation"),
            licence=reader.word("licence"),
            intended_use=reader.bilingual("intended_use"),
            limits=reader.bilingual("limits"),
            training_data=reader.bilingual("training_data"),
            languages=reader.words("languages"),
            filing_number=reader.optional("filing_number"),
            base_model=reader.optional("base_model"),
            evaluations=tuple(_evaluation(row) for row in reader.rows("evaluations")),
        )

    def to_bytes(self) -> bytes:
        """The file form: sorted keys, no spaces, UTF-8; one card has one such form."""
        wire = self.to_json()
        text = json.dumps(
            wire, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        return text.encode("utf-8")

    def to_json(self) -> dict[str, object]:
        """The card as JSON values; `from_json` gives the same card back."""
        return {
            "id": self.id,
            "name": _pair(self.name),
            "version": self.version,
            "architecture": self.architecture,
            "parameters": self.parameters,
            "context": self.context,
            "quantisation": self.quantisation,
            "licence": self.licence,
            "intended_use": _pair(self.intended_use),
            "limits": _pair(self.limits),
            "training_data": _pair(self.training_data),
            "languages": list(self.languages),
            "filing_number": self.filing_number,
            "base_model": self.base_model,
            "evaluations": [
                {field.name: getattr(row, field.name) for field in fields(row)}
                for row in self.evaluations
            ],
        }


def model_id(text: str) -> str:
    """Checks a model id; it is used as a file name, so nothing else may pass.

    Raises:
        CardMalformed: Not an id.
    """
    if not _MODEL_ID.fullmatch(text) or ".." in text:
        raise _malformed(
            "id", "只能含小写字母、数字和 . _ -", "only a-z, 0-9 and . _ - are allowed"
        )
    return text


def _malformed(field: str, zh: str, en: str) -> CardMalformed:
    return CardMalformed(field=field, reason_zh=zh, reason_en=en)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _pair(text: Bilingual) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _evaluation(row: Any) -> Evaluation:
    reader = _Fields(row, "evaluations", {field.name for field in fields(Evaluation)})
    date = reader.word("date")
    if not _DATE.fullmatch(date):
        raise _malformed("evaluations.date", "应为 YYYY-MM-DD", "must be YYYY-MM-DD")
    value, cases = reader.number("value"), reader.count("cases")
    return Evaluation(reader.word("suite"), reader.word("metric"), value, cases, date)


class _Fields:
    """Typed reading of one JSON object with a closed set of keys."""

    def __init__(self, data: Any, where: str, known: set[str]) -> None:
        if not isinstance(data, dict):
            raise _malformed(where, "应为对象", "must be an object")
        unknown = sorted(map(ascii, set(data) - known))
        if unknown:
            raise _malformed(where, f"未知字段 {unknown[0]}", f"unknown field {unknown[0]}")
        self._data = data

    def _text(self, field: str, value: Any, limit: int) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > limit:
            raise _malformed(field, "应为非空文本", "must be text and not empty")
        if any(not (char.isprintable() or char == "\n") for char in value):
            raise _malformed(field, "含有不可见字符", "contains invisible characters")
        return value

    def word(self, field: str) -> str:
        return self._text(field, self._data.get(field), _MAX_WORD)

    def optional(self, field: str) -> str | None:
        return None if self._data.get(field) is None else self.word(field)

    def bilingual(self, field: str) -> Bilingual:
        part = self._data.get(field)
        if not isinstance(part, dict) or set(part) != {"zh", "en"}:
            raise _malformed(field, "应含 zh 和 en", "must hold zh and en")
        return Bilingual(
            self._text(f"{field}.zh", part.get("zh"), _MAX_TEXT),
            self._text(f"{field}.en", part.get("en"), _MAX_TEXT),
        )

    def count(self, field: str) -> int:
        value = self._data.get(field)
        if type(value) is not int or not 0 <= value < 1 << 53:
            raise _malformed(field, "应为非负整数", "must be a whole number, not negative")
        return value

    def number(self, field: str) -> float:
        value = self._data.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _malformed(field, "应为数值", "must be a number")
        return float(value)

    def words(self, field: str) -> tuple[str, ...]:
        value = self._data.get(field)
        if not isinstance(value, list) or not value:
            raise _malformed(field, "应为非空列表", "must be a list and not empty")
        return tuple(self._text(field, item, _MAX_WORD) for item in value)

    def rows(self, field: str) -> list[Any]:
        value = self._data.get(field, [])
        if not isinstance(value, list):
            raise _malformed(field, "应为列表", "must be a list")
        return value
