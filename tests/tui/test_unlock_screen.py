"""Unlocking: typed secrets with the mistyped group named, shares one after another, a key file, and why."""

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from secure_compute.key_file import MARK as KEY_FILE_MARK
from tests.fakes.fake_box import FakeBox
from tests.fakes.paper import NASTY
from tests.fakes.paper_people import PASSPHRASE
from tests.fakes.paper_storage import KEY_FILE, RECOVERY, REFUSED_TPM, SHARES
from tests.tui.conftest import console_on, enter, press, text, until
from tui import stick
from tui.app import ConsoleApp
from tui.stick import FileUnusable, key_files, read_key_file
from tui.widgets import opening


@pytest.fixture
async def shut(box: FakeBox) -> FakeBox:
    box.locked = True
    return box


async def _stands(pilot: Pilot[Any], app: ConsoleApp) -> None:
    await until(pilot, lambda: app.current_mode == "unlock")
    await until(pilot, lambda: app.focused is not None and app.focused.id == "secret")
    await until(pilot, lambda: app.screen.query_one("#by-shares").region.height)


async def _send(pilot: Pilot[Any], which: str, value: str) -> None:
    field = pilot.app.screen.query_one(which, Input)
    field.value = value
    field.focus()
    await until(pilot, lambda: field.has_focus)
    await pilot.press("enter")


async def test_a_locked_box_opens_on_its_lock_and_is_entered_then(shut: FakeBox) -> None:
    app = console_on(shut)
    async with app.run_test(size=(80, 24)) as pilot:
        await _stands(pilot, app)
        secret = app.screen.query_one("#secret", Input)
        assert secret.password
        await _send(pilot, "#secret", "wrong")
        await until(pilot, lambda: "不对" in text(app, "#said"))
        assert secret.value == ""
        await pilot.press("f2")
        assert app.current_mode == "unlock"
        await _send(pilot, "#secret", PASSPHRASE)
        await enter(pilot)
        assert not shut.locked


async def test_the_mistyped_group_of_a_recovery_key_is_named(shut: FakeBox) -> None:
    app = console_on(shut)
    async with app.run_test(size=(80, 24)) as pilot:
        await _stands(pilot, app)
        await _send(pilot, "#secret", "ABCD-EFGH JKMN-PQRX")
        await until(pilot, lambda: "第 4 组" in text(app, "#said"))
        secret = app.screen.query_one("#secret", Input)
        secret.post_message(events.Paste("  " + RECOVERY.replace(" ", "\r\n   ") + "\n\n"))
        await until(pilot, lambda: secret.value)
        await press(pilot, "#unlock")
        await until(pilot, lambda: not shut.locked)


@pytest.mark.parametrize("typed", ["x" * 1025, "caf\udce9 and more"], ids=["long", "no text"])
async def test_what_cannot_be_a_secret_is_told_and_not_shown(shut: FakeBox, typed: str) -> None:
    app = console_on(shut)
    async with app.run_test(size=(80, 24)) as pilot:
        await _stands(pilot, app)
        await _send(pilot, "#secret", typed)
        await until(pilot, lambda: "1024" in text(app, "#said"))
        assert typed[:8] not in text(app, "#said")
        await _send(pilot, "#secret", PASSPHRASE)
        await enter(pilot)
        assert not shut.locked


async def test_officers_enter_their_shares_one_after_another(shut: FakeBox) -> None:
    app = console_on(shut)
    async with app.run_test(size=(80, 24)) as pilot:
        await _stands(pilot, app)
        await press(pilot, "#by-shares")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "share")
        await _send(pilot, "#share", SHARES[0])
        await until(pilot, lambda: "需要 2 份,已有 1 份" in text(app, "#said"))
        await until(pilot, lambda: "已收 1 份" in text(app, "#counted"))
        await _send(pilot, "#share", "SHARE-MISTYPED")
        await until(pilot, lambda: "第 2 份密钥份额输入有误" in text(app, "#said"))
        assert "已收 1 份" in text(app, "#counted")
        await _send(pilot, "#share", SHARES[0])
        await until(pilot, lambda: "两次" in text(app, "#said"))
        assert "已收 1 份" in text(app, "#counted")
        await _send(pilot, "#share", SHARES[2])
        await until(pilot, lambda: not shut.locked)
        await until(pilot, lambda: app.current_mode == "door")
    assert shut.asked[-1][1] != "/api/v1/vault/unlock" or shut.asked[-1][2]["secret"] is None


async def test_a_key_file_is_found_on_its_stick_and_asks_for_its_words(
    shut: FakeBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "holiday.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "stick" / "box.key").write_text(KEY_FILE)
    monkeypatch.setattr(opening, "key_files", lambda: key_files((f"{tmp_path}/*",)))
    app = console_on(shut)
    async with app.run_test(size=(80, 24)) as pilot:
        await _stands(pilot, app)
        await press(pilot, "#by-file")
        path = app.screen.query_one("#key-file", Input)
        await until(pilot, lambda: path.value.endswith("box.key"))
        path.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "words")
        await pilot.press("enter")
        await until(pilot, lambda: "密钥文件的口令" in text(app, "#said"))
        await _send(pilot, "#words", PASSPHRASE)
        await until(pilot, lambda: not shut.locked)


async def test_why_it_did_not_open_by_itself_and_how_to_seal_it_anew(shut: FakeBox) -> None:
    hostile = REFUSED_TPM.model_copy(
        update={"sentence": f"{REFUSED_TPM.sentence}\n+ PCR 4 {NASTY}"}
    )
    shut.storage.warnings = (hostile,)
    app = console_on(shut)
    async with app.run_test(size=(120, 40)) as pilot:
        await _stands(pilot, app)
        await until(pilot, lambda: "SecureBoot = 0" in text(app, "#warnings"))
        said = text(app, "#warnings")
        assert "wardbox vault slots reseal" in said
        assert "F12" in said
        assert "恶意" in said
        assert "\x1b" not in said


async def test_a_vault_without_shares_or_sticks_offers_neither(shut: FakeBox) -> None:
    shut.storage.slots = shut.storage.slots[:2]
    app = console_on(shut)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.focused is not None and app.focused.id == "secret")
        await until(pilot, lambda: ("GET", "/api/v1/vault", None) in shut.asked)
        assert not app.screen.query_one("#by-shares").region.height


def test_what_is_no_key_file_is_a_sentence(tmp_path: Path) -> None:
    assert KEY_FILE_MARK.encode().startswith(stick.MARK)
    large, other = tmp_path / "large", tmp_path / "other"
    large.write_bytes(stick.MARK + b"x" * 5000)
    other.write_bytes(b"\x00\xff")
    for path in (large, other, tmp_path, tmp_path / "absent"):
        with pytest.raises(FileUnusable):
            read_key_file(path)
    assert key_files((str(tmp_path),)) == ()
