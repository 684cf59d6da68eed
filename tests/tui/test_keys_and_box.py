"""The console destroys in a real vault: the approval that it asks for is the one that is needed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.access import UserWish
from appliance.vault.subjects import PATIENT, SubjectKeys
from secure_compute.destruction import verify_destruction
from secure_compute.note import NoteKey
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm
from tui.dialogs.erase import Doom, EraseDialog, TypedDialog
from tui.dialogs.question import QuestionDialog
from tui.keyvisit import KeyVisit

PASSWORD = "correct horse battery 9"


class Person:
    """Answers dialogs as they come: what to destroy, its name, yes; what was said is kept."""

    def __init__(self, *wanted: Doom | None) -> None:
        self.wanted = list(wanted)
        self.said: list[str] = []

    async def __call__(self, dialog: Any, /) -> Any:
        match dialog:
            case EraseDialog():
                self.said.append(dialog._said)
                return self.wanted.pop(0)
            case TypedDialog():
                return dialog._name
            case QuestionDialog():
                return True
        raise AssertionError(dialog)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[LiveBox]:
    async with live_box(tmp_path) as made:
        vault_for(made.front, PaperTpm())
        yield made


async def test_two_people_destroy_by_the_console(box: LiveBox, tmp_path: Path) -> None:
    object.__setattr__(box.services.access.rules, "two_person", True)
    subjects = SubjectKeys(box.services.db, box.front.vault.opened)
    subjects.seal(PATIENT, "P0042", b"body")
    file = tmp_path / "p.cert"
    place = str(file)
    doom = Doom("patient", "P0042", place)
    async with (
        Session.local(box.socket) as local,
        Session.remote(box.url) as ann,
        Session.remote(box.url) as bob,
    ):
        for name, session in (("ann", ann), ("bob", bob)):
            await local.create_user(UserWish(name=name, password=PASSWORD, role="administrator"))
            await session.sign_in(name, PASSWORD)
        # The local console is nobody: it is told so, and nothing is asked for.
        with pytest.raises(ProblemError) as caught:
            await KeyVisit(local, Person(doom)).erase()
        assert caught.value.code == "access.person-needed"
        told = await KeyVisit(ann, Person(doom)).erase()
        assert told is not None
        (asked,) = (await ann.access.approvals()).approvals
        assert (told.asked, asked.action, asked.state) == (asked.id, "vault.erase", "waiting")
        early = Person(Doom("patient", "P0042", place, asked.id), None)
        assert await KeyVisit(ann, early).erase() is None
        assert "not approved yet" in early.said[1]
        assert subjects.count(PATIENT) == 1
        assert not file.exists()
        await bob.access.approval_does(asked.id, "approve")
        done = await KeyVisit(ann, Person(Doom("patient", "P0042", place, asked.id))).erase()
        assert done is not None
    assert subjects.count(PATIENT) == 0
    public = NoteKey.parse(box.front.layout.box_vkey.read_text().strip()).key
    key = NoteKey(box.front.settings.audit.origin, public)
    proof = verify_destruction(file.read_bytes(), key)
    assert (proof.subject, proof.by) == ("P0042", ("user:ann", "user:bob"))


async def test_what_is_unknown_is_entered_again_and_the_root_is_replaced(
    box: LiveBox, tmp_path: Path
) -> None:
    async with Session.local(box.socket) as local:
        place = str(tmp_path / "p.cert")
        person = Person(Doom("patient", "P9", place), Doom("dataset", "../x\n", place), None)
        assert await KeyVisit(local, person).erase() is None
        assert all(said for said in person.said[1:])
        before = (await local.slots.keys.list()).root
        done = await KeyVisit(local, Person()).rotate(None)
        assert done is not None
        assert (await local.slots.keys.list()).root != before
