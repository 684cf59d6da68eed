"""`wardbox deployment`: names that applications ask for, and which models answer under them."""

import argparse
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.serving import DeploymentView


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `deployment` to the command line."""
    parser = commands.add_parser("deployment", help="服务名 names that models are served under")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list them")
    make = what.add_parser("apply", help="设置 say which models answer, in percent")
    make.add_argument("name", help="服务名 the served name")
    make.add_argument("target", nargs="+", help="模型[+适配器][=百分比] MODEL[+ADAPTER][=PERCENT]")
    for name, text in (
        ("revert", "恢复上一版 the targets it had before"),
        ("drain", "停止接收 take nothing new"),
        ("withdraw", "撤销 serve it no more"),
    ):
        one = what.add_parser(name, help=text)
        one.add_argument("name")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    actions = {"list": _list, "apply": _apply, "withdraw": _withdraw}
    act = actions.get(args.what, _step)
    return converse(args, lambda session: act(session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for one in await session.serving.deployments():
        print(plain(_line(one)))
    return 0


async def _apply(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.serving import DeploymentWish  # noqa: PLC0415  # keeps --help light

    wish = DeploymentWish.model_validate({"targets": tuple(map(_target, args.target))})
    print(plain(_line(await session.serving.deploy(args.name, wish))))
    return 0


async def _step(session: "Session", args: argparse.Namespace) -> int:
    steps = {"revert": session.serving.revert, "drain": session.serving.drain}
    print(plain(_line(await steps[args.what](args.name))))
    return 0


async def _withdraw(session: "Session", args: argparse.Namespace) -> int:
    await session.serving.withdraw(args.name)
    print("已撤销。 Withdrawn.")
    return 0


def _target(text: str) -> dict[str, object]:
    """Read "model+adapter=90"; without a percent it is all."""
    named, _, percent = text.partition("=")
    model, _, adapter = named.partition("+")
    weight: object = int(percent) if percent.isascii() and percent.isdigit() else percent or 100
    return {"model": model, "adapter": adapter or None, "weight": weight}


def _line(one: "DeploymentView") -> str:
    targets = " ".join(
        f"{t.model}{'+' + t.adapter if t.adapter else ''}={t.weight}" for t in one.targets
    )
    drained = "  drained" if one.drained else ""
    return f"{one.name}  #{one.revision}  {targets}{drained}"
