"""Changing the slots of a vault, dialog by dialog: every change asks for what opens it now."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.access import Unlock
from appliance.contract.slots import SlotAdded, SlotChange, SlotTest, SlotView, SlotWish
from tui.dialogs.opening import Given, OpeningDialog, Question
from tui.dialogs.question import QuestionDialog
from tui.dialogs.slots import (
    KeyFileDialog,
    NewSlot,
    NewSlotDialog,
    RecoveryKeyDialog,
    ShareDialog,
)
from tui.entrance import AskPerson
from tui.inert import inert
from tui.line import Fault
from tui.slotrows import BY_ITSELF, kind_told
from tui.stick import FileUnusable, write_key_file
from tui.widgets.opening import Unready

T = TypeVar("T")
ELSEWHERE: Final = {"vault.locked"}
"""What no other secret mends."""
WISH_WRONG: Final = {
    "vault.slot-unfit",
    "vault.passphrase-unfit",
    "vault.weak-passphrase",
    "secure.tpm-unavailable",
    "secure.tpm-locked-out",
    "secure.network-slot",
}
PRESENT = "先验证:输入现在能打开保险库的任一方式。\nFirst prove it: enter anything that opens the vault now."
FOR_GOOD = "吊销后,它再也打不开保险库。\nOnce revoked it opens the vault never again."


@dataclass(frozen=True, slots=True)
class SlotVisit:
    """One person at the slots of one vault.

    Args:
        box: the session to ask with.
        ask: puts dialogs in front of the person.
        slots: the slots there are.
    """

    box: Session
    ask: AskPerson
    slots: Sequence[SlotView]

    async def add(self) -> SlotView | None:
        """Add a slot and show its secrets once; None when the person left.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other entry mends.
        """
        said = ""
        while True:
            wanted: NewSlot | None = await self.ask(NewSlotDialog(said))
            if wanted is None:
                return None
            try:
                made = await self._with_present(
                    self._question("添加 Add", PRESENT), self._adding(wanted.wish), WISH_WRONG
                )
            except ProblemError as error:
                if error.problem.code not in WISH_WRONG:
                    raise
                said = _sentence(error)
                continue
            if made is not None:
                await self._show(made, wanted.path)
            return None if made is None else made.slot

    def _adding(self, wish: SlotWish) -> Callable[[Unlock, str], Awaitable[SlotAdded]]:
        async def add(present: Unlock, approval: str) -> SlotAdded:
            del approval  # adding needs none
            return await self.box.slots.add(wish.model_copy(update={"present": present}))

        return add

    async def test(self, slot: SlotView) -> SlotView | None:
        """Try a slot; nothing is opened. None when the person left."""
        if slot.kind in BY_ITSELF:
            return await self.box.slots.test(SlotTest(slot=slot.id))
        words = "试一试能否打开;什么也不会打开。\nTried, not used: whatever it opens is told, and closed."
        return await self._with_present(
            self._question("试用 Test", words),
            lambda present, _: self.box.slots.test(SlotTest(present=present)),
        )

    async def reseal(self, slot: SlotView) -> SlotView | None:
        """Seal a TPM slot to how the machine starts now."""
        words = (
            "确认固件变更是预期的,再按现在的启动状态封装。\n"
            "Seal to how the machine starts now, if that was changed on purpose.\n" + PRESENT
        )
        made = await self._with_present(
            self._question("重新封装 Seal anew", words),
            lambda present, _: self.box.slots.reseal(SlotChange(present=present), slot.id),
        )
        return None if made is None else made.slot

    async def revoke(self, slot: SlotView) -> SlotView | None:
        """Revoke a slot."""
        named = f"{kind_told(slot)} · {inert(slot.label, 64) or inert(slot.id, 32)}"
        words = f"{named}\n{FOR_GOOD}\n{PRESENT}"
        return await self._with_present(
            self._question("吊销 Revoke", words, approval=True),
            lambda present, approval: self.box.slots.revoke(
                slot.id, SlotChange(present=present, approval=approval or None)
            ),
        )

    def _question(self, do: str, words: str, *, approval: bool = False) -> Question:
        kinds = tuple(slot.kind for slot in self.slots)
        return Question(do, words, do, kinds, approval)

    async def _with_present(
        self,
        question: Question,
        act: Callable[[Unlock, str], Awaitable[T]],
        not_here: frozenset[str] | set[str] = frozenset(),
    ) -> T | None:
        """Ask until the box agrees; shares that are good need not be entered again."""
        before, said = Given(), ""
        while True:
            given = await self.ask(OpeningDialog(question, before, said))
            if given is None:
                return None
            try:
                return await act(await given.entered.offer(), given.approval)
            except Unready as error:
                before, said = given, str(error)
            except ProblemError as error:
                code = error.problem.code
                if code in ELSEWHERE | not_here or not code.startswith(
                    ("vault.", "secure.", "access.approval")
                ):
                    raise
                before, said = Given(given.entered.kept(code), given.approval), _sentence(error)

    async def _show(self, made: SlotAdded, path: str) -> None:
        if made.recovery_key:
            _ = await self.ask(RecoveryKeyDialog(made.recovery_key))
        count = len(made.shares)
        for at, share in enumerate(made.shares, 1):
            ready = f"下一位 next: {inert(share.holder, 40)} ({at}/{count})\n请本人就座后继续。 Go on once they sit here."
            # A share that was not shown is lost: there is no way around this question.
            while not await self.ask(QuestionDialog(ready, "显示 Show")):
                pass
            _ = await self.ask(ShareDialog(share.holder, share.text, f"{at}/{count}"))
        if made.key_file:
            await self._write(made.key_file, path)

    async def _write(self, content: str, path: str) -> None:
        try:
            await write_key_file(path, content)
        except FileUnusable as error:
            _ = await self.ask(KeyFileDialog(f"✖ {error}", content))


def _sentence(error: ProblemError) -> str:
    fault = Fault.of(error)
    return f"{fault.sentence} {fault.way_out}"
