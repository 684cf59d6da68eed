"""What to run: a training by name, steps and seed, or an evaluation by abilities and limit."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.widgets import Input
from typing_extensions import override

from appliance.contract.job import EvaluationWish
from tui.dialogs.form import FormDialog, Unclear, label


@dataclass(frozen=True, slots=True)
class TrainingWish:
    """A training to be submitted."""

    spec: dict[str, Any]


Wish = TrainingWish | EvaluationWish


class NewTrainingDialog(FormDialog[Wish]):
    """The reference recipe by default; a small demonstration takes a minute on two cores."""

    DO: ClassVar[str] = "开始 Start"

    @property
    @override
    def heading(self) -> str:
        return "新训练 New training"

    @override
    def compose_fields(self) -> ComposeResult:
        yield label("新模型的标识 id of the new model(小写字母、数字、.-_)")
        yield Input("trial-1", id="name", compact=True, max_length=64)
        yield label("步数 steps(空为配方自定 empty: the recipe's own)")
        yield Input("60", id="steps", compact=True, restrict=r"[0-9]{0,7}")
        yield label("随机种子 seed")
        yield Input("1", id="seed", compact=True, restrict=r"[0-9]{0,18}")
        yield label("其余参数 JSON further parameters, as JSON")
        yield Input('{"records": 600}', id="more", compact=True, max_length=4000)

    @override
    def answer(self) -> Wish:
        spec = _object(self.query_one("#more", Input).value)
        name = self.typed("name")
        if not name:
            raise Unclear("请给新模型一个标识。 Give the new model an id.")
        spec["name"] = name
        for key in ("steps", "seed"):
            number = self.query_one(f"#{key}", Input).value
            if number:
                spec[key] = int(number)
        return TrainingWish(spec)


class NewEvaluationDialog(FormDialog[Wish]):
    """All abilities by default, few cases of each."""

    DO: ClassVar[str] = "开始 Start"

    @property
    @override
    def heading(self) -> str:
        return "新评测 New evaluation"

    @override
    def compose_fields(self) -> ComposeResult:
        yield label("能力 abilities(如 S9 B8;空为全部 empty: all)")
        yield Input("S9", id="abilities", compact=True, max_length=400)
        yield label("模型 model(空为默认 empty: the default)")
        yield Input("", id="model", compact=True, max_length=64)
        yield label("每项至多题数 cases of each, at most")
        yield Input("50", id="limit", compact=True, restrict=r"[0-9]{0,7}")
        yield label("随机种子 seed")
        yield Input("1", id="seed", compact=True, restrict=r"[0-9]{0,18}")

    @override
    def answer(self) -> Wish:
        limit = self.typed("limit")
        try:
            return EvaluationWish(
                abilities=tuple(self.typed("abilities").replace(",", " ").split()),
                model=self.typed("model") or None,
                limit=int(limit) if limit else None,
                seed=int(self.typed("seed") or "1"),
            )
        except ValueError as error:
            raise Unclear(
                "能力与模型名只含字母、数字、点、横线;题数至少 1。 "
                "Ability and model names hold letters, digits, dots and dashes; at least one case."
            ) from error


def _object(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unclear(f"不是合法的 JSON not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unclear("应为 JSON 对象 a JSON object is expected")
    return found
