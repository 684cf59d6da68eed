"""The way in by name against a real box: a temporary password, enrolment, codes, the directory."""

import time
from pathlib import Path
from typing import Any

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.access import UserWish
from tests.appliance.api.box import live_box
from tests.appliance.api.test_people_routes import code_of
from tui.dialogs.person import CodeDialog, EnrolDialog, NewPasswordDialog, RecoveryCodesDialog
from tui.entrance import Entrance

FIRST, SECOND = "correct horse battery 9", "correct horse battery 10"


class Person:
    """Answers dialogs as they come and keeps what was shown."""

    def __init__(self) -> None:
        self.seen: list[type] = []
        self.secret = ""
        self.recovery: list[str] = []
        self.weak = True

    async def __call__(self, dialog: Any, /) -> Any:
        self.seen.append(type(dialog))
        match dialog:
            case NewPasswordDialog():
                new, self.weak = ("short" if self.weak else SECOND), False
                return new
            case EnrolDialog():
                self.secret = dialog._begun.secret
                return code_of(self.secret, time.time())
            case RecoveryCodesDialog():
                self.recovery = dialog._secret.split()
                return True
            case CodeDialog():
                return "000000" if not dialog._said else self.recovery[0]


async def test_whatever_is_due_is_done_at_the_door(tmp_path: Path) -> None:
    async with live_box(tmp_path) as box, Session.local(box.socket) as local:
        await local.create_user(
            UserWish(name="li", password=FIRST, role="clinician", temporary=True)
        )
        await local.access.demand_totp("clinician", demanded=True)
        person = Person()
        async with Session.local(box.socket) as line:
            session = await Entrance(line, person, "li", directory=False).come_in(FIRST)
            assert session is not None
            assert person.seen == [
                NewPasswordDialog,
                NewPasswordDialog,
                EnrolDialog,
                RecoveryCodesDialog,
            ]
            assert (await line.access.me()).must is None
        async with Session.local(box.socket) as line:
            session = await Entrance(line, person, "li", directory=False).come_in(SECOND)
            assert session is not None
            assert person.seen[4:] == [CodeDialog, CodeDialog]
            with pytest.raises(ProblemError) as caught:
                await Entrance(line, person, "li", directory=True).come_in(SECOND)
            assert caught.value.problem.code == "signin.off"
