"""The commands of the box, by name; each module has `add_parser` and `run`."""

import argparse
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from appliance.commands import (
    adapter,
    approval,
    audit,
    backup,
    certificate,
    cluster,
    deployment,
    doctor,
    draft,
    engine,
    evaluate,
    jobs,
    key,
    lease,
    model,
    posture,
    serve,
    signin,
    status,
    storage,
    supervise,
    trial,
    update,
    usage,
    user,
    vault,
)


class Command(Protocol):
    """One module of this room."""

    def add_parser(
        self, commands: "argparse._SubParsersAction[argparse.ArgumentParser]", /
    ) -> None:
        """Add the command to the command line; imports nothing heavy."""

    def run(self, args: argparse.Namespace, /) -> int:
        """Run it; the exit status."""


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "serve": serve,
        "supervise": supervise,
        "status": status,
        "doctor": doctor,
        "vault": vault,
        "storage": storage,
        "posture": posture,
        "audit": audit,
        "backup": backup,
        "draft": draft,
        "jobs": jobs,
        "eval": evaluate,
        "model": model,
        "engine": engine,
        "deployment": deployment,
        "adapter": adapter,
        "lease": lease,
        "cluster": cluster,
        "update": update,
        "trial": trial,
        "key": key,
        "user": user,
        "signin": signin,
        "certificate": certificate,
        "usage": usage,
        "approval": approval,
    }
)
