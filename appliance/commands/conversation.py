"""How a command speaks to the box: over its socket, with refusals told as sentences."""

import argparse
import sys
from typing import TYPE_CHECKING

from appliance.commands.errors import ArgumentRefused
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from appliance.client.session import Session

UNREACHABLE = 3
"""Exit status when no box answers."""


def converse(args: argparse.Namespace, ask: "Callable[[Session], Awaitable[int]]") -> int:
    """Run one conversation with the local box.

    Returns:
        What `ask` returns; 1 when the box refused, 3 when nobody answered.
    """
    import asyncio  # noqa: PLC0415  # keeps --help light

    from pydantic import ValidationError  # noqa: PLC0415

    from appliance.client.problem import BoxUnreachable, ProblemError  # noqa: PLC0415
    from appliance.client.session import Session  # noqa: PLC0415

    socket = StateLayout(state_directory(args.environ)).socket

    async def whole() -> int:
        async with Session.local(socket) as session:
            return await ask(session)

    try:
        return asyncio.run(whole())
    except ValidationError as error:
        told = error.errors()[0]
        field = ".".join(map(str, told["loc"]))
        refusal = ArgumentRefused(field=field, reason=told["msg"])
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1
    except ProblemError as error:
        tell(error.detail, error.way_out, error.code)
        return 1
    except BoxUnreachable as error:
        tell(error.detail, error.way_out, error.code)
        return UNREACHABLE


def tell(sentence: str, way_out: str, code: str) -> None:
    """Say on stderr what happened and what to do."""
    print(f"{sentence}\n→ {way_out}\n[{code}]", file=sys.stderr)


def read_secret(prompt: str) -> str:
    """A secret from the terminal without echo, or the first line of stdin; never from argv."""
    if sys.stdin.isatty():
        import getpass  # noqa: PLC0415  # only with a terminal

        return getpass.getpass(prompt)
    return sys.stdin.readline().rstrip("\r\n")
