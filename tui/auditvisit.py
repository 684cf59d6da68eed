"""Following a receipt and exporting the record, dialog by dialog."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.audit import Entry, ExportState, Receipt
from appliance.contract.bodies import BodyView
from tui.dialogs.export import ExportDialog, ExportWanted
from tui.dialogs.question import QuestionDialog
from tui.dialogs.receipt import ReceiptDialog
from tui.entrance import AskPerson
from tui.line import Fault
from tui.newfile import write_new

_MENDABLE: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
_UNDER_WAY: Final = frozenset(("waiting", "running"))
_EVERY_S: Final = 0.5
_READ: Final = (
    "调阅这条记录背后的提示与回答?调阅本身会记入日志。\n"
    "Read the texts behind this entry? That you did is put on the record."
)
_READINGS: Final = {"tag": "audit:body:read", "limit": "1000"}


@dataclass(frozen=True, slots=True)
class BodySeen:
    """The texts behind an entry, or why there are none, and who asked for them.

    Args:
        entry: the entry.
        body: its texts; None where there are none to read.
        refused: why there are none.
        readings: those of the last thousand readings that were of this entry, newest first.
    """

    entry: Entry
    body: BodyView | None
    refused: str
    readings: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class AuditVisit:
    """One person at the record of one box.

    Args:
        box: the session to ask with.
        ask: puts dialogs in front of the person.
    """

    box: Session
    ask: AskPerson

    async def receipt(self, known: str) -> Receipt | None:
        """Follow a receipt; None when the person left.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other id mends.
        """
        said = ""
        while True:
            wanted = await self.ask(ReceiptDialog(known, said))
            if wanted is None:
                return None
            try:
                return await self.box.receipt(wanted)
            except ProblemError as error:
                if error.status not in _MENDABLE:
                    raise
                known, said = wanted, Fault.of(error).told.removeprefix("✖ ")

    async def body(self, entry: Entry) -> BodySeen | None:
        """Read the texts behind an entry, once the person said so; None when they did not.

        Raises:
            ProblemError, BoxUnreachable: the person may not, or the box does not answer.
        """
        if not await self.ask(QuestionDialog(_READ, "调阅 Read")):
            return None
        body, refused = None, ""
        try:
            body = await self.box.bodies.read(str(entry.index))
        except ProblemError as error:
            if not error.code.startswith("body."):
                raise
            refused = Fault.of(error).told
        page = await self.box.audit_entries(**_READINGS)
        readings = tuple(one for one in page.entries if one.details.get("index") == entry.index)
        return BodySeen(entry, body, refused, readings)

    async def export(
        self, told: Callable[[ExportState], object], *, local: bool
    ) -> tuple[ExportState, str] | None:
        """Export the record and tell how far it is; None when the person left.

        Args:
            told: hears of every step.
            local: the box is this machine.

        Returns:
            How it ended, and the file here that holds it, where one was wanted.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other entry mends.
            FileRefused: it is done, but cannot be written here.
        """
        wanted: ExportWanted | None = None
        said = ""
        while True:
            wanted = await self.ask(ExportDialog(wanted, said, local=local))
            if wanted is None:
                return None
            try:
                begun = await self.box.audit_export_begin(wanted.wish)
            except ProblemError as error:
                if error.status not in _MENDABLE:
                    raise
                said = Fault.of(error).told.removeprefix("✖ ")
                continue
            return await self._finished(begun, wanted.file, told)

    async def _finished(
        self, state: ExportState, file: str, told: Callable[[ExportState], object]
    ) -> tuple[ExportState, str]:
        while state.state in _UNDER_WAY:
            told(state)
            await asyncio.sleep(_EVERY_S)
            state = await self.box.audit_export_state(state.id)
        if state.state == "done" and file:
            await write_new(Path(file), self.box.audit_export_fetch(state.id))
        return state, file
