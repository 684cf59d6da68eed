"""What to run: a training by name, steps and seed, or an evaluation by abilities and limit."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static
from typing_extensions import override

from appliance.contract.job import EvaluationWish


@dataclass(frozen=True, slots=True)
class TrainingWish:
    """A training to be submitted."""

    spec: dict[str, Any]


Wish = TrainingWish | EvaluationWish


class Unclear(ValueError):
    """A field of the dialog that cannot be used; the sentence says why."""


class NewTrainingDialog(ModalScreen[Wish | None]):
    """The reference recipe by default; a small demonstration takes a minute on two cores."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            yield Static(
                "新模型的标识 id of the new model(小写字母、数字、.-_)",
                classes="label",
                markup=False,
            )
            yield Input("trial-1", id="name", compact=True, max_length=64)
            yield Static(
                "步数 steps(空为配方自定 empty: the recipe's own)", classes="label", markup=False
            )
            yield Input("60", id="steps", compact=True, restrict=r"[0-9]{0,7}")
            yield Static("随机种子 seed", classes="label", markup=False)
            yield Input("1", id="seed", compact=True, restrict=r"[0-9]{0,18}")
            yield Static("其余参数 JSON further parameters, as JSON", classes="label", markup=False)
            yield Input('{"records": 600}', id="more", compact=True, max_length=4000)
            yield from _foot()
        box.border_title = "新训练 New training"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter starts it."""
        event.stop()
        self._start()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Start or leave."""
        event.stop()
        if event.button.id == "start":
            self._start()
        else:
            _ = self.dismiss(None)

    def _start(self) -> None:
        try:
            _ = self.dismiss(self._wish())
        except Unclear as error:
            self.query_one(".issue", Static).update(f"✖ {error}")

    def _wish(self) -> Wish:
        spec = _object(self.query_one("#more", Input).value)
        name = self.query_one("#name", Input).value.strip()
        if not name:
            raise Unclear("请给新模型一个标识。 Give the new model an id.")
        spec["name"] = name
        for key in ("steps", "seed"):
            number = self.query_one(f"#{key}", Input).value
            if number:
                spec[key] = int(number)
        return TrainingWish(spec)


class NewEvaluationDialog(ModalScreen[Wish | None]):
    """All abilities by default, few cases of each."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "取消 cancel")]

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            yield Static(
                "能力 abilities(如 S9 B8;空为全部 empty: all)", classes="label", markup=False
            )
            yield Input("S9", id="abilities", compact=True, max_length=400)
            yield Static("模型 model(空为默认 empty: the default)", classes="label", markup=False)
            yield Input("", id="model", compact=True, max_length=64)
            yield Static("每项至多题数 cases of each, at most", classes="label", markup=False)
            yield Input("50", id="limit", compact=True, restrict=r"[0-9]{0,7}")
            yield Static("随机种子 seed", classes="label", markup=False)
            yield Input("1", id="seed", compact=True, restrict=r"[0-9]{0,18}")
            yield from _foot()
        box.border_title = "新评测 New evaluation"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter starts it."""
        event.stop()
        self._start()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Start or leave."""
        event.stop()
        if event.button.id == "start":
            self._start()
        else:
            _ = self.dismiss(None)

    def _start(self) -> None:
        said = {
            key: self.query_one(f"#{key}", Input).value
            for key in ("abilities", "model", "limit", "seed")
        }
        try:
            _ = self.dismiss(
                EvaluationWish(
                    abilities=tuple(said["abilities"].replace(",", " ").split()),
                    model=said["model"].strip() or None,
                    limit=int(said["limit"]) if said["limit"] else None,
                    seed=int(said["seed"] or "1"),
                )
            )
        except ValueError:
            self.query_one(".issue", Static).update(
                "✖ 能力与模型名只含字母、数字、点、横线;题数至少 1。 "
                "Ability and model names hold letters, digits, dots and dashes; at least one case."
            )


def _foot() -> ComposeResult:
    yield Static(classes="issue", markup=False)
    with Horizontal(classes="row"):
        yield Button("开始 Start", id="start", variant="primary", compact=True)
        yield Button("取消 Cancel", id="leave", compact=True)


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
