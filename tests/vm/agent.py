"""Speaks to the machine through qemu-guest-agent: programs are run by argument list, no network."""

import base64
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vm.monitor import Monitor

_CHUNK = 2 << 10
"""A question longer than one buffer of the machine's serial line is now and then never heard."""
_POLL_S = 0.25
# The machine's journal notes each question, at the cost of its one busy processor.
_SLOWEST_POLL_S = 4.0
_SHOWN = 400
_ANSWER_S = 180.0
"""An emulated machine that writes to its disk may keep the agent waiting for a minute."""


class AgentSilentError(Exception):
    """The machine does not answer."""


class GuestFailedError(Exception):
    """A program in the machine ended with another status than 0."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a program in the machine ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both streams."""
        return (self.out + self.err).strip()


class Agent:
    """One machine's agent, behind the Unix socket of its serial port.

    Args:
        path: the socket.
        alive: whether the emulator still runs.
        monitor: speaks to the emulator itself.
    """

    def __init__(self, path: Path, alive: Callable[[], bool], monitor: Monitor) -> None:
        self._path = path
        self._alive = alive
        self.monitor = monitor

    def await_boot(self, limit_s: float) -> float:
        """Wait until the agent answers; the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if not self._alive():
                raise AgentSilentError("the emulator ended; the console log says why")
            try:
                self._ask("guest-ping", {}, 5.0)
            except (OSError, AgentSilentError, ValueError):
                time.sleep(1.0)
                continue
            return time.monotonic() - began
        raise AgentSilentError(f"no answer within {limit_s:.0f} s; the console log says why")

    def try_run(self, *argv: str, given: str = "", limit_s: float = 300.0) -> Said:
        """Run a program in the machine and wait for its end."""
        wish: dict[str, Any] = {"path": argv[0], "arg": list(argv[1:]), "capture-output": True}
        wish["env"] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        if given:
            wish["input-data"] = base64.b64encode(given.encode()).decode()
        pid = self._ask("guest-exec", wish)["pid"]
        until = time.monotonic() + limit_s
        wait = _POLL_S
        while time.monotonic() < until:
            state = self._ask("guest-exec-status", {"pid": pid})
            if state["exited"]:
                code = state.get("exitcode", 128 + state.get("signal", 0))
                return Said(code, _text(state, "out-data"), _text(state, "err-data"))
            time.sleep(wait)
            wait = min(wait * 1.5, _SLOWEST_POLL_S)
        raise AgentSilentError(f"{' '.join(argv)[:_SHOWN]}: not done within {limit_s:.0f} s")

    def run(self, *argv: str, given: str = "", limit_s: float = 300.0) -> str:
        """Run a program that must succeed; what it wrote to its output."""
        said = self.try_run(*argv, given=given, limit_s=limit_s)
        if said.code != 0:
            raise GuestFailedError(f"{' '.join(argv)[:_SHOWN]}: status {said.code}\n{said.text}")
        return said.out

    def write(self, path: str, content: bytes) -> None:
        """Make a file in the machine."""
        handle = self._ask("guest-file-open", {"path": path, "mode": "wb"})
        for start in range(0, len(content), _CHUNK):
            part = base64.b64encode(content[start : start + _CHUNK]).decode()
            self._ask("guest-file-write", {"handle": handle, "buf-b64": part})
        self._ask("guest-file-close", {"handle": handle})

    def power_off(self) -> None:
        """Ask the machine to go down in good order."""
        self._ask("guest-shutdown", {"mode": "powerdown"}, answered=False)

    def cut_power(self) -> None:
        """Pull the plug, and come back when the machine is off."""
        self.monitor.cut_power()
        until = time.monotonic() + _ANSWER_S
        while self._alive():
            if time.monotonic() > until:
                raise AgentSilentError("the emulator does not end")
            time.sleep(_POLL_S)

    def _ask(
        self,
        what: str,
        arguments: dict[str, Any],
        limit_s: float = _ANSWER_S,
        *,
        answered: bool = True,
    ) -> Any:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(limit_s)
            line.connect(str(self._path))
            stream = line.makefile("rwb")
            # The agent answers with the number that it was given: older answers are passed over.
            number = time.monotonic_ns() & 0x7FFFFFFF
            sync = {"execute": "guest-sync", "arguments": {"id": number}}
            stream.write(json.dumps(sync).encode() + b"\n")
            stream.write(json.dumps({"execute": what, "arguments": arguments}).encode() + b"\n")
            stream.flush()
            while json.loads(_line(stream)).get("return") != number:
                pass
            if not answered:
                return None
            answer = json.loads(_line(stream))
        if "error" in answer:
            raise GuestFailedError(f"{what}: {answer['error'].get('desc')}")
        return answer["return"]


def _line(stream: Any) -> bytes:
    try:
        line = stream.readline()
    except TimeoutError:
        raise AgentSilentError("the agent did not answer in time") from None
    if not line:
        raise AgentSilentError("the line to the agent was closed")
    return bytes(line)


def _text(state: dict[str, Any], key: str) -> str:
    return base64.b64decode(state.get(key, "")).decode("utf-8", "replace")
