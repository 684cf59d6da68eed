"""The box inside the machine: its commands, its state, and waiting for it."""

import json
import time
from dataclasses import dataclass
from typing import Any

from tests.vm.agent import Agent, AgentSilentError, Said
from tests.vm.medium import CHECKOUT

HOUSE = f"/media/wardbox/{CHECKOUT}"
_ANSWER_S = 900.0
_POLL_S = 3.0
_ASK = """
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.settimeout(60)
line.connect(sys.argv[1])
line.sendall(b"GET /api/v1/vault HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
print(b"".join(iter(lambda: line.recv(65536), b"")).decode().partition("\\r\\n\\r\\n")[2])
"""
"""What `wardbox vault status` asks, without the half minute that its imports take an emulated processor."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the machine.

    Args:
        agent: speaks to the machine.
        state: the box's state directory.
        house: where the `wardbox` is that its people call.
    """

    agent: Agent
    state: str = "/var/lib/wardbox"
    house: str = HOUSE

    def try_wardbox(self, *words: str, given: str = "", limit_s: float = 300.0) -> Said:
        """Run `wardbox WORDS`."""
        return self.agent.try_run(*self._named(words), given=given, limit_s=limit_s)

    def wardbox(self, *words: str, given: str = "", limit_s: float = 300.0) -> str:
        """Run `wardbox WORDS`, which must succeed."""
        return self.agent.run(*self._named(words), given=given, limit_s=limit_s)

    def _named(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return ("/usr/bin/env", f"WARDBOX_STATE={self.state}", f"{self.house}/wardbox", *words)

    def vault(self, limit_s: float = _ANSWER_S) -> str:
        """How the vault stands, once the box answers: "locked" or "unlocked"."""
        return str(self.view(limit_s)["state"])

    def view(self, limit_s: float = _ANSWER_S) -> dict[str, Any]:
        """What the box tells of its vault, once it answers: its state, slots and warnings.

        Raises:
            AgentSilentError: it does not answer in time; slowness proves nothing.
        """
        until = time.monotonic() + limit_s
        door = f"{self.state}/run/wardbox.sock"
        while True:
            said = self.agent.try_run("/usr/bin/python3", "-I", "-S", "-c", _ASK, door)
            try:
                told = dict(json.loads(said.out))
            except ValueError:
                told = {}
            if "state" in told:
                return told
            if time.monotonic() > until:
                raise AgentSilentError(f"the box does not answer: {said.text}")
            time.sleep(_POLL_S)

    def await_unlocked(self, limit_s: float = _ANSWER_S) -> str:
        """The state of the vault, which may take a moment to open by itself."""
        until = time.monotonic() + limit_s
        while (state := self.vault()) != "unlocked" and time.monotonic() < until:
            time.sleep(_POLL_S)
        return state


def secrets_on(page: str) -> dict[str, str]:
    """The secrets of a closing page, by their English names' first word."""
    rows = [line.split() for line in page.splitlines() if line.startswith("  ")]
    return {row[1]: row[-1] for row in rows if len(row) > 2}
