"""The way in: password, one-time code, identity provider, and whatever is due before anything else."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from textual.screen import Screen

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.access import SessionView
from tui.dialogs.person import (
    CodeDialog,
    EnrolDialog,
    NewPasswordDialog,
    ProviderDialog,
    RecoveryCodesDialog,
)
from tui.line import Fault

T = TypeVar("T")
CODE_NEEDED: Final = "access.totp-needed"
# What a person can mend by entering something else.
MENDABLE: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY}


class AskPerson(Protocol):
    """Puts a dialog in front of the person and waits for its answer."""

    async def __call__(self, dialog: Screen[T], /) -> T | None:
        """The answer; None when the person left it."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """One attempt of one person to come in.

    Args:
        box: the session to ask with; it speaks for the person afterwards.
        ask: puts dialogs in front of the person.
        name: the name as entered; the identity provider asks for it itself.
        directory: the hospital's directory judges the password.
    """

    box: Session
    ask: AskPerson
    name: str = ""
    directory: bool = False

    async def come_in(self, password: str) -> SessionView | None:
        """Open a session with nothing due; None when the person left on the way.

        Raises:
            ProblemError: the box refused.
            BoxUnreachable: nobody answered.
        """
        while True:
            session = await self._open(password)
            if session is None or session.must != "password":
                return await self._enrolled(session)
            # Changing it ends every session: sign in once more with the new one.
            changed = await self._change(password)
            if changed is None:
                return await self._leaving(None)
            password = changed

    async def come_in_by_provider(self) -> tuple[str, SessionView | None]:
        """Open a session at the hospital's identity provider: whose, and it; None when they left.

        Raises:
            ProblemError: the box refused, or there is no provider.
            BoxUnreachable: nobody answered.
        """
        begun = await self.box.outside.begin()
        said = ""
        while True:
            code = await self.ask(ProviderDialog(begun.url, said))
            if code is None:
                return "", None
            try:
                session = await self.box.outside.finish(begun.ticket, code)
            except ProblemError as error:
                said = _mendable(error)
                continue
            me = await self.box.access.me()
            return me.actor.removeprefix("user:"), await self._enrolled(session)

    async def _enrolled(self, session: SessionView | None) -> SessionView | None:
        if session is None or session.must is None:
            return session
        return await self._leaving(session if await self._enrol() else None)

    async def _leaving(self, session: SessionView | None) -> SessionView | None:
        if session is None:
            await self.box.sign_out()
        return session

    async def _open(self, password: str) -> SessionView | None:
        way = self.box.outside.by_directory if self.directory else self.box.sign_in
        code: str | None = None
        said = ""
        while True:
            try:
                return await way(self.name, password, code)
            except ProblemError as error:
                if error.problem.code == CODE_NEEDED:
                    said = ""
                elif code is None:
                    raise  # it was the password
                else:
                    said = _mendable(error)
            code = await self.ask(CodeDialog(said))
            if code is None:
                return None

    async def _change(self, old: str) -> str | None:
        said = ""
        while True:
            new = await self.ask(NewPasswordDialog(said))
            if new is None:
                return None
            try:
                await self.box.access.change_password(old, new)
            except ProblemError as error:
                said = _mendable(error)
            else:
                return new

    async def _enrol(self) -> bool:
        begun = await self.box.access.begin_totp()
        said = ""
        while True:
            code = await self.ask(EnrolDialog(begun, said))
            if code is None:
                return False
            try:
                made = await self.box.access.confirm_totp(code)
            except ProblemError as error:
                said = _mendable(error)
            else:
                _ = await self.ask(RecoveryCodesDialog(made))
                return True


def _mendable(error: ProblemError) -> str:
    """What to say before it is entered again; raises the error where that would not help."""
    if error.problem.status not in MENDABLE:
        raise error
    fault = Fault.of(error)
    return f"{fault.sentence} {fault.way_out}"
