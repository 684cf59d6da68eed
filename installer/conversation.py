"""What the installer says to the running box, over its local socket."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from appliance.contract.access import UserWish
from appliance.contract.specialist import Draft
from installer.errors import SmokeFailed

T = TypeVar("T")
LOADING = "model.loading"
LOADS_WITHIN_S = 600.0
ASK_AGAIN_S = 2.0


class Conversation:
    """Short, blocking calls to one box. No call here needs a token: the socket's mode is the lock."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self.last_reason = ""

    def health(self) -> str | None:
        """The box's own word for its state (ok, locked, starting, degraded), None for silence."""

        async def ask(session: Session) -> str:
            return (await session.health()).status

        if not self._socket.exists():
            self.last_reason = f"还没有套接字 there is no socket yet: {self._socket}"
            return None
        try:
            return asyncio.run(self._with(ask))
        except (BoxUnreachable, ProblemError) as error:
            self.last_reason = str(error)
            return None

    def unlock(self, secret: str) -> None:
        """Unlock the vault.

        Raises:
            ProblemError: the box refused; BoxUnreachable: nobody answered.
        """

        async def ask(session: Session) -> None:
            await session.unlock(secret)

        asyncio.run(self._with(ask))

    def create_user(self, name: str, password: str, role: str) -> None:
        """Let a person in.

        Raises:
            ProblemError: the box refused; BoxUnreachable: nobody answered.
        """

        async def ask(session: Session) -> None:
            await session.create_user(UserWish(name=name, password=password, role=role))

        asyncio.run(self._with(ask))

    def draft(self, facts: Mapping[str, Any]) -> Draft:
        """Draft an admission note.

        Raises:
            SmokeFailed: the box refused or did not answer.
        """

        async def ask(session: Session) -> Draft:
            until = time.monotonic() + LOADS_WITHIN_S
            while True:
                try:
                    return await session.draft(facts)
                except ProblemError as error:
                    # A slow machine reads a model for minutes, and says so each time it is asked.
                    if error.code != LOADING or time.monotonic() > until:
                        raise
                await asyncio.sleep(ASK_AGAIN_S)

        try:
            return asyncio.run(self._with(ask))
        except (BoxUnreachable, ProblemError) as error:
            raise SmokeFailed(
                reason=f"{error.detail} → {error.way_out}", log=self._socket.parent.parent / "logs"
            ) from None

    async def _with(self, ask: Callable[[Session], Awaitable[T]]) -> T:
        async with Session.local(self._socket) as session:
            return await ask(session)
