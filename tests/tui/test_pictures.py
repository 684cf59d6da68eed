"""Pictures of the screens, compared sign by sign with those a person has looked at."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.fakes.fake_box import FakeBox
from tests.fakes.paper_keys import approval_of
from tests.fakes.paper_serving import neighbours
from tests.fakes.paper_storage import REFUSED_TPM, SHARES
from tests.tui.conftest import console_on, enter, press, served, stands, text, until
from tui.dialogs.erase import EraseDialog, TypedDialog
from tui.widgets.entrytable import EntryTable
from tui.widgets.factform import FactRow
from tui.widgets.rowtable import RowTable

# Named on a picture, and taken when the dialog goes on: it must not lie there from another run.
CERTIFICATE = Path("/dev/shm/wardbox-picture.cert")
Steps = Callable[[Pilot[Any]], Awaitable[None]]


async def _unlock(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: pilot.app.current_mode == "unlock")
    await until(pilot, lambda: "PCR 7" in text(pilot.app, "#warnings"))
    await until(pilot, lambda: pilot.app.screen.query_one("#by-shares").region.height)
    await press(pilot, "#by-shares")
    pilot.app.screen.query_one("#share", Input).value = SHARES[0]
    pilot.app.screen.query_one("#share", Input).focus()
    await pilot.press("enter")
    await until(pilot, lambda: "已有 1 份" in text(pilot.app, "#said"))
    pilot.app.screen.query_one("#unlock").focus()
    await until(pilot, lambda: pilot.app.screen.query_one("#unlock").has_focus)


async def _door_open(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: pilot.app.screen.query_one("#sign-in").region.height)
    await until(pilot, lambda: pilot.app.focused is not None)
    for way in ("#directory", "#provider"):
        await until(pilot, lambda way=way: pilot.app.screen.query_one(way).region.height)


async def _overview(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await until(pilot, lambda: "一切正常" in text(pilot.app, "#summary"))


async def _posture(pilot: Pilot[Any]) -> None:
    await _overview(pilot)
    await pilot.press("h")
    await until(pilot, lambda: pilot.app.screen.query("#findings"))
    await until(pilot, lambda: pilot.app.screen.query_one("#findings", RowTable).row_count)
    await until(pilot, lambda: "150" in text(pilot.app, "#course"))
    await until(pilot, lambda: "shim 15.7" in text(pilot.app, "#said"))


async def _note(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await pilot.press("f2")
    await until(pilot, lambda: pilot.app.screen.query(FactRow))
    await pilot.press("f6", "f7")
    await until(pilot, lambda: "完成" in text(pilot.app, "#status"))
    await pilot.press("down")
    await until(pilot, lambda: "主诉眼别" in text(pilot.app, "#sources"))


async def _jobs(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await pilot.press("f3")
    # The events come in batches: the picture is of the last.
    await until(pilot, lambda: "40/60" in text(pilot.app, "#figures"))


async def _audit(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await until(pilot, lambda: "一切正常" in text(pilot.app, "#summary"))
    await pilot.press("f4")
    await until(pilot, lambda: pilot.app.screen.query(EntryTable))
    await until(pilot, lambda: "#29" in text(pilot.app, "#words"))
    await until(pilot, lambda: "转发" in text(pilot.app, "#light"))


async def _serving(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await pilot.press("f9")
    await until(pilot, lambda: pilot.app.screen.query("#models"))
    # The line's clock stands still in these pictures, so no rate is drawn.
    await until(pilot, lambda: "in flight 3" in text(pilot.app, "#bymodel"))
    await until(pilot, lambda: "llama.cpp" in text(pilot.app, "#model"))


async def _cluster(pilot: Pilot[Any]) -> None:
    await _serving(pilot)
    await until(pilot, lambda: "ward-4" in text(pilot.app, "#boxes"))


async def _keys(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await pilot.press("f10")
    await until(pilot, lambda: pilot.app.screen.query("#use"))
    await until(pilot, lambda: pilot.app.screen.query_one("#keys", RowTable).row_count)
    await until(pilot, lambda: pilot.app.screen.query_one("#use", RowTable).row_count)


async def _storage(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await pilot.press("f12")
    await until(pilot, lambda: pilot.app.screen.query("#backups"))
    await until(pilot, lambda: pilot.app.screen.query_one("#slots", RowTable).row_count)
    await until(pilot, lambda: pilot.app.screen.query_one("#backups", RowTable).row_count)
    await until(pilot, lambda: "local:console" in text(pilot.app, "#said"))


async def _vault_keys(pilot: Pilot[Any]) -> None:
    await _storage(pilot)
    await pilot.press("k")
    await until(pilot, lambda: pilot.app.screen.query("#vault-keys"))
    await until(pilot, lambda: pilot.app.screen.query_one("#vault-keys", RowTable).row_count)
    await until(pilot, lambda: pilot.app.screen.query_one("#approvals", RowTable).row_count)
    await until(pilot, lambda: "2 h" in str(_requests(pilot).get_row_at(0)[4]))
    await until(pilot, lambda: "审计数据库" in text(pilot.app, "#said"))


def _requests(pilot: Pilot[Any]) -> RowTable:
    return pilot.app.screen.query_one("#approvals", RowTable)


async def _updates(pilot: Pilot[Any]) -> None:
    await enter(pilot)
    await pilot.press("f11")
    await until(pilot, lambda: pilot.app.screen.query("#history"))
    await until(pilot, lambda: pilot.app.screen.query_one("#history", RowTable).row_count == 2)
    await until(pilot, lambda: pilot.app.screen.query_one("#packages", RowTable).row_count == 2)
    await pilot.press("p")
    await until(pilot, lambda: "0.1.0 → 0.2.0" in text(pilot.app, "#told"))


async def _updating(pilot: Pilot[Any]) -> None:
    await _updates(pilot)
    await pilot.press("v")
    await until(pilot, lambda: "42%" in text(pilot.app, "#told"))


async def _destroying(pilot: Pilot[Any]) -> None:
    await _vault_keys(pilot)
    await pilot.press("e")
    await stands(pilot, EraseDialog)
    pilot.app.screen.query_one("#subject", Input).value = "P0042"
    pilot.app.screen.query_one("#path", Input).value = str(CERTIFICATE)
    await press(pilot, "#do")
    await stands(pilot, TypedDialog)
    await until(pilot, lambda: pilot.app.screen.query_one("#typed").has_focus)


@pytest.mark.parametrize(
    ("steps", "size", "locked"),
    [
        pytest.param(_unlock, (80, 24), True, id="unlock-narrow"),
        pytest.param(_unlock, (120, 40), True, id="unlock"),
        pytest.param(_door_open, (80, 24), False, id="door-open"),
        pytest.param(_overview, (80, 24), False, id="overview-narrow"),
        pytest.param(_overview, (120, 40), False, id="overview"),
        pytest.param(_posture, (80, 24), False, id="posture-narrow"),
        pytest.param(_posture, (120, 40), False, id="posture"),
        pytest.param(_note, (120, 40), False, id="note"),
        pytest.param(_jobs, (80, 24), False, id="jobs"),
        pytest.param(_audit, (80, 24), False, id="audit-narrow"),
        pytest.param(_audit, (120, 40), False, id="audit"),
        pytest.param(_serving, (80, 24), False, id="serving-narrow"),
        pytest.param(_serving, (120, 40), False, id="serving"),
        pytest.param(_cluster, (80, 24), False, id="cluster-narrow"),
        pytest.param(_cluster, (120, 40), False, id="cluster"),
        pytest.param(_keys, (80, 24), False, id="keys"),
        pytest.param(_storage, (80, 24), False, id="storage-narrow"),
        pytest.param(_storage, (120, 40), False, id="storage"),
        pytest.param(_vault_keys, (80, 24), False, id="vault-keys-narrow"),
        pytest.param(_vault_keys, (120, 40), False, id="vault-keys"),
        pytest.param(_updates, (80, 24), False, id="updates-narrow"),
        pytest.param(_updates, (120, 40), False, id="updates"),
        pytest.param(_updating, (80, 24), False, id="updating"),
        pytest.param(_destroying, (80, 24), False, id="destroying"),
    ],
)
def test_picture(snap_compare: Any, steps: Steps, size: tuple[int, int], locked: bool) -> None:
    paper = FakeBox(locked=locked, directory=True, provider=True)
    if steps is _unlock:
        paper.storage.warnings = (REFUSED_TPM,)
    if steps is _cluster:
        paper.serving.nearby = neighbours()
    paper.vault_keys.two = True
    paper.vault_keys.approvals = [approval_of(1)]
    CERTIFICATE.unlink(missing_ok=True)
    with served(paper) as box:
        assert snap_compare(console_on(box), terminal_size=size, run_before=steps)
