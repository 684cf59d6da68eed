"""The line to one box: its session, what was last heard of it, and who speaks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from appliance.contract.problem import Problem
from appliance.contract.system import Health, IntegrityView
from tui.inert import inert, inert_lines

NO_ANSWER = {"client.unreachable", "client.silent"}
LOCAL_PERSON = "本机管理员 local administrator"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a question had no answer: a code, a sentence, a way out; `problem` when the box refused."""

    code: str
    sentence: str
    way_out: str
    problem: Problem | None = None

    @property
    def unreachable(self) -> bool:
        """Nobody answered at all."""
        return self.code in NO_ANSWER

    @property
    def told(self) -> str:
        """What is wrong and what to do, in two lines."""
        return f"✖ {self.sentence}\n→ {self.way_out}"

    @classmethod
    def of(cls, error: Exception) -> Self:
        """The fault of whatever a question can raise."""
        if isinstance(error, ProblemError):
            said = error.problem
            return cls(said.code, inert(said.detail, 2000), inert(said.way_out, 1000), said)
        if isinstance(error, BoxUnreachable):
            return cls(error.code, inert(error.detail, 1000), inert(error.way_out, 1000))
        if isinstance(error, TimeoutError):
            return cls(
                "client.silent",
                "一体机没有应答。 The box does not answer.",
                "会自动重试;若持续如此,请在一体机上运行 wardbox status。 "
                "It is tried again by itself; if it stays so, run `wardbox status` on the box.",
            )
        return cls(
            "client.answer-unexpected",
            f"收到看不懂的应答。 The answer could not be read: {inert_lines(error, 160)}",
            "请确认控制台与一体机版本一致。 Check that console and box have the same version.",
        )


@dataclass(slots=True)
class Line:
    """One box as the console knows it.

    Args:
        connect: makes the session; called once, inside the event loop.
        local: the line is the box's own socket, where no sign-in is needed.
        clock: seconds, monotonic.
    """

    connect: Callable[[], Session]
    local: bool
    clock: Callable[[], float]
    person: str | None = None
    health: Health | None = None
    fault: Fault | None = None
    integrity: IntegrityView | None = None
    _box: list[Session] = field(default_factory=list)

    @property
    def box(self) -> Session:
        """The session; made at the first use, which must stand inside the event loop."""
        if not self._box:
            self._box.append(self.connect())
        return self._box[0]

    async def close(self) -> None:
        """Close the session."""
        while self._box:
            await self._box.pop().close()
