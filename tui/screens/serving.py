"""Serving: models in memory and on the shelf, the other boxes, and the requests of this moment."""

from collections.abc import Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static
from typing_extensions import override

from appliance.client.problem import ProblemError
from appliance.contract.catalogue import ModelView
from appliance.contract.serving import Keeping, ModelStateView
from tui import theme
from tui.dialogs.question import QuestionDialog
from tui.gauges import Rate, Reading, rates, read
from tui.inert import inert, inert_lines
from tui.line import Line
from tui.messages import Failed
from tui.messages_serving import ModelMoved, ServingHeard, ServingNow
from tui.nearby import boxes, elsewhere, title
from tui.screens.asking import AskingScreen
from tui.widgets.rowtable import Cell, RowTable

IN_MEMORY = {"waiting", "checking", "loading", "ready", "draining"}
DID = {
    "load": "开始加载 loading",
    "unload": "已卸载 let go",
    "pin": "已常驻 pinned",
    "unpin": "取消常驻 unpinned",
}
COLUMNS = (
    ("状态 state", 17),
    ("模型 model", 21),
    ("加载 load", 13),
    ("在途", 4),
    ("内存 memory", 11),
)


class ServingScreen(AskingScreen):
    """Models above, the chosen one and all requests below."""

    TITLE_ZH, TITLE_EN = "服务", "Serving"
    EVERY_S = 2.0
    FIRST = "RowTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "load", "加载", show=False),
        Binding("u", "unload", "卸载", show=False),
        Binding("p", "pin", "常驻", show=False),
    ]

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self._now: ServingNow | None = None
        self._readings: list[Reading] = []

    @override
    def compose_body(self) -> Iterator[Widget]:
        table = RowTable("models", COLUMNS)
        table.border_title = "模型 Models"
        table.border_subtitle = "l 加载 load · u 卸载 unload · p 常驻 pin"
        yield table
        with Vertical(id="chosen", classes="panel") as chosen:
            yield Static("正在询问… Asking…", id="model", markup=False)
        chosen.border_title = "所选 Chosen"
        with VerticalScroll(id="cluster", classes="panel") as cluster:
            yield Static(id="boxes", markup=False)
        cluster.border_title = "多机 Other boxes"
        with Vertical(id="live", classes="panel") as live:
            yield Static(id="requests", markup=False)
            yield Static(id="bymodel", markup=False)
        live.border_title = "实时请求 Live requests · TTFT 首字 first token"

    @override
    def ask_box(self) -> None:
        self.ask("serving", self._look, ServingHeard, patience_s=10)

    async def _look(self) -> ServingNow:
        shelf, states = await self.box.models(), await self.box.serving.states()
        traffic = (await self.box.overview()).traffic
        try:
            metrics = await self.box.serving.metrics()
        except ProblemError:
            metrics = ""  # whoever may not read the counters sees the rest
        try:
            nearby = await self.box.cluster.neighbours()
        except ProblemError:
            nearby = None  # a box that knows no others yet is shown without them
        return ServingNow(shelf, states, traffic, metrics, nearby)

    def on_serving_heard(self, message: ServingHeard) -> None:
        """Draw it all."""
        message.stop()
        self._now = message.now
        reading = read(message.now.metrics, self.line.clock())
        self._readings = [*self._readings, reading][-6:]
        self.query_one(RowTable).show(rows(message.now))
        nearby = message.now.nearby
        self.set_class(nearby is not None and bool(nearby.address), "-cluster")
        if nearby is not None:
            self.query_one("#boxes", Static).update(boxes(nearby))
            self.query_one("#cluster").border_title = title(nearby)
        self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell of another model."""
        event.stop()
        self._draw()

    def _draw(self) -> None:
        if self._now is None:
            return
        found = rates(self._readings[0], self._readings[-1])
        self.query_one("#requests", Static).update(requests(self._now))
        self.query_one("#bymodel", Static).update(by_model(self._now, found))
        chosen = self.query_one(RowTable).chosen or ""
        self.query_one("#model", Static).update(told(self._now, chosen))

    def _state(self) -> tuple[str, ModelStateView | None]:
        model = self.query_one(RowTable).chosen or ""
        states = self._now.states if self._now else ()
        return model, next((state for state in states if state.model == model), None)

    def action_load(self) -> None:
        """Load the chosen model."""
        model, state = self._state()
        if state is not None and state.phase in IN_MEMORY:
            self.notify("已在内存中。 It is in memory already.", markup=False)
        elif model:
            self.ask(
                "load", lambda: self.box.serving.load(model), lambda _: ModelMoved(model, "load")
            )

    def action_unload(self) -> None:
        """Let the chosen model go, once confirmed."""
        model, state = self._state()
        if state is None or state.phase not in IN_MEMORY:
            self.notify("该模型不在内存中。 That model is not in memory.", markup=False)
            return

        def confirmed(yes: bool | None) -> None:  # noqa: FBT001 (Textual hands the dialog's answer over)
            if yes:
                self.ask(
                    "unload",
                    lambda: self.box.serving.unload(model),
                    lambda _: ModelMoved(model, "unload"),
                )

        question = (
            f"卸载 {inert(model, 40)}?正在写的回答会写完。 Let it go? Running answers end first."
        )
        _ = self.app.push_screen(QuestionDialog(question, "卸载 Unload"), confirmed)

    def action_pin(self) -> None:
        """Keep the chosen model in memory, or no longer."""
        model, state = self._state()
        if not model:
            return
        pinned = not (state is not None and state.pinned)
        idle = state.idle_unload_s if state else None
        wish = Keeping(pinned=pinned, idle_unload_s=idle)
        did = "pin" if pinned else "unpin"
        self.ask(
            "pin", lambda: self.box.serving.keep(model, wish), lambda _: ModelMoved(model, did)
        )

    def on_model_moved(self, message: ModelMoved) -> None:
        """Say so, and look."""
        message.stop()
        self.notify(f"{inert(message.model, 40)} {DID[message.did]}", markup=False)
        self.look_again()

    def on_failed(self, message: Failed) -> None:
        """Say why."""
        message.stop()
        if not self.take_fault(message.fault):
            said = message.fault.told
            self.query_one("#model", Static).update(Content(said))
            if message.topic != "serving":
                self.cry(said)


def rows(now: ServingNow) -> dict[str, tuple[Cell, ...]]:
    """One row for each model: those in memory first, then the rest of the shelf."""
    found: dict[str, tuple[Cell, ...]] = {}
    for state in now.states:
        found[state.model] = (
            theme.MODEL[state.phase],
            ("⚲ " if state.pinned else "") + state.model,
            _loading(state),
            str(state.in_flight),
            theme.gigabytes(sum(state.holds.values())),
        )
    for model in now.shelf:
        if model.id not in found:
            found[model.id] = (
                theme.MODEL["shelf"],
                model.id,
                "–",
                "0",
                f"({theme.gigabytes(model.bytes)})",
            )
    return found


def _loading(state: ModelStateView) -> str:
    if state.phase == "loading":
        return f"{theme.bar(state.percent / 100, 8)} {state.percent:3d}%"
    return f"{theme.bar(1, 8)} 100%" if state.phase in {"ready", "draining"} else "–"


def requests(now: ServingNow) -> Content:
    """All requests in one line."""
    traffic = now.traffic
    return Content(
        f"请求/分 req/min {traffic.requests_per_minute:,.0f} · "
        f"词元/分 tok/min {traffic.tokens_per_minute:,.0f} · "
        f"在途 in flight {traffic.in_flight} · 拒绝 refused {traffic.refused}"
    )


def by_model(now: ServingNow, found: dict[str, Rate]) -> Content:
    """One line for each model that answers."""
    flying = {state.model: state.in_flight for state in now.states if state.phase in IN_MEMORY}
    lines = []
    for model in sorted({*flying, *found}):
        rate = found.get(model)
        said = f"{inert(model, 18):<18} 在途 in flight {flying.get(model, 0)}"
        if rate is not None:
            wait = "–" if rate.first_token_s is None else f"{rate.first_token_s * 1000:,.0f} ms"
            said += f" · {rate.requests:,.1f} req/s · TTFT {wait} · {rate.tokens:,.0f} tok/s"
        lines.append(said)
    return Content("\n".join(lines) or "没有模型在内存中。 No model is in memory.")


def told(now: ServingNow, chosen: str) -> Content:
    """The chosen model: what it is, or why it failed."""
    state = next((one for one in now.states if one.model == chosen), None)
    model = next((one for one in now.shelf if one.id == chosen), None)
    if state is not None and state.reason is not None:
        why = f"✖ {inert_lines(state.reason.zh, 300)} {inert_lines(state.reason.en, 300)}"
        if state.way_out is not None:
            why += f"\n→ {inert(state.way_out.zh, 300)} {inert(state.way_out.en, 300)}"
        return Content(why)
    said = [_card(model)] if model is not None else []
    if state is not None:
        idle = "–" if state.idle_unload_s is None else theme.duration(state.idle_unload_s)
        held = " ".join(f"{inert(at, 20)} {theme.gigabytes(n)}" for at, n in state.holds.items())
        said.append(
            f"{inert(state.engine, 20)} · 空闲 idle {theme.duration(state.idle_s)}"
            f" · 空闲卸载 idle unload {idle} · {held or '–'}"
        )
    said += [line for line in (elsewhere(now.nearby, chosen),) if line and said]
    return Content(
        "\n".join(said)
        or "模型架是空的:在一体机上运行 wardbox model import。 The shelf is empty: run `wardbox model import` on the box."
    )


def _card(model: ModelView) -> str:
    return (
        f"{inert(model.name.zh, 30)} {inert(model.name.en, 30)} {inert(model.version, 12)} · "
        f"{inert(model.quantisation, 12)} · 上下文 context {model.context:,}"
    )
