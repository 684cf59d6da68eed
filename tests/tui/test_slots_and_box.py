"""The console's way through the slots against a real vault: shares made, tried one by one, used to unlock."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.slots import SlotWish
from appliance.vault.unattended import Unattended
from appliance.vault.vault import Vault
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.vault.conftest import CHEAP, Clock, NotedMount, no_server, ways_of
from tests.appliance.vault.slotted import PaperTpm
from tests.fakes.paper_people import PASSPHRASE
from tui.dialogs.opening import Given, OpeningDialog
from tui.dialogs.question import QuestionDialog
from tui.dialogs.slots import NewSlot, NewSlotDialog, ShareDialog
from tui.slotvisit import SlotVisit
from tui.stick import MARK, read_key_file
from tui.widgets.opening import Entered


class Officers:
    """Answer dialogs as they come; what was shown and what was said is kept."""

    def __init__(self, wish: dict[str, Any], path: str = "") -> None:
        self.wish, self.path = wish, path
        self.presents: list[Entered] = []
        self.shares: list[str] = []
        self.said: list[str] = []

    async def __call__(self, dialog: Any, /) -> Any:
        match dialog:
            case NewSlotDialog():
                return NewSlot(SlotWish.model_validate({"present": {}, **self.wish}), self.path)
            case OpeningDialog():
                self.said.append(dialog._said)
                before = dialog._before.entered
                fresh = self.presents.pop(0)
                return Given(Entered(fresh.secret, (*before.shares, *fresh.shares), fresh.path))
            case QuestionDialog():
                return True
            case ShareDialog():
                rows = [line.split()[-1] for line in dialog._secret.split("\n")]
                self.shares.append("-".join(rows))
                return True
        raise AssertionError(dialog)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[LiveBox]:
    async with live_box(tmp_path) as made:
        clock, layout = Clock(), made.front.layout
        ways = ways_of(layout, clock, unattended=Unattended(PaperTpm(), no_server))
        vault = Vault(layout, "wardbox/test", NotedMount(), clock, cost=CHEAP, ways=ways)
        vault.create(PASSPHRASE)
        vault.unlock(PASSPHRASE)
        made.front.vault = vault
        yield made


async def test_shares_as_they_are_shown_open_the_vault_one_after_another(box: LiveBox) -> None:
    async with Session.local(box.socket) as line:
        slots = (await line.slots.list()).slots
        people = Officers({"kind": "shares", "label": "值班", "holders": ["李", "王", "陈"]})
        people.presents = [Entered("wrong wrong wrong"), Entered(PASSPHRASE)]
        added = await SlotVisit(line, people, slots).add()
        assert added is not None
        assert (added.needed, len(people.shares)) == (2, 3)
        assert people.said[0] == ""
        assert people.said[1]
        first, second, _ = people.shares
        typo = first[:-1] + ("A" if first[-1] != "A" else "B")
        people.said.clear()
        people.presents = [Entered(shares=(one,)) for one in (first, typo, first, second)]
        tried = await SlotVisit(line, people, slots).test(added)
        assert tried is not None
        assert tried.id == added.id
        assert "需要 2 份,已有 1 份(这套共 3 份)" in people.said[1]
        assert "第 2 份密钥份额输入有误:第 16 组不对" in people.said[2]
        assert "输入了两次" in people.said[3]


async def test_a_key_file_as_it_is_written_opens_the_vault(box: LiveBox, tmp_path: Path) -> None:
    async with Session.local(box.socket) as line:
        slots = (await line.slots.list()).slots
        place = tmp_path / "box.key"
        words = "another long passphrase"
        people = Officers({"kind": "keyfile", "passphrase": words}, str(place))
        people.presents = [Entered(PASSPHRASE)]
        added = await SlotVisit(line, people, slots).add()
        assert added is not None
        assert read_key_file(place).encode().startswith(MARK)
        people.presents = [Entered("wrong", path=str(place)), Entered(words, path=str(place))]
        tried = await SlotVisit(line, people, slots).test(added)
        assert tried is not None
        assert tried.id == added.id


async def test_a_tpm_that_refuses_is_told_with_its_way_out_and_sealed_anew(box: LiveBox) -> None:
    async with Session.local(box.socket) as line:
        people = Officers({"kind": "tpm"})
        people.presents = [Entered(PASSPHRASE)]
        visit = SlotVisit(line, people, (await line.slots.list()).slots)
        added = await visit.add()
        assert added is not None
        chip = box.front.vault.slots._unattended.tpm
        chip.pcrs[7] = "ab" * 32
        with pytest.raises(ProblemError) as caught:
            await visit.test(added)
        assert caught.value.problem.code == "secure.tpm-policy"
        assert "reseal" in caught.value.problem.way_out
        people.presents = [Entered(PASSPHRASE)]
        fresh = await visit.reseal(added)
        assert fresh is not None
        assert await visit.test(fresh) is not None
        people.presents = [Entered(PASSPHRASE)]
        assert await visit.revoke(fresh) is not None
        assert fresh.id not in {slot.id for slot in (await line.slots.list()).slots}
