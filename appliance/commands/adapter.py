"""`wardbox adapter`: register, approve, load and promote LoRA adapters, and take them back."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.serving import AdapterView


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `adapter` to the command line."""
    parser = commands.add_parser("adapter", help="适配器 LoRA adapters of models")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list them")
    make = what.add_parser("register", help="登记 take a LoRA into the vault")
    make.add_argument("id", help="名称 a name")
    make.add_argument("base", help="基础模型 the model it was made for")
    make.add_argument(
        "file", help="GGUF 文件或 peft 文件夹 its GGUF file, or the folder of a peft one"
    )
    for name, text in (
        ("approve", "批准 let it be loaded"),
        ("load", "加载 start an engine that holds it"),
        ("remove", "删除 delete it"),
    ):
        one = what.add_parser(name, help=text)
        one.add_argument("id")
    for name, text in (
        ("promote", "上线 send a served name's requests to it"),
        ("revert", "下线 put the served name back"),
    ):
        one = what.add_parser(name, help=text)
        one.add_argument("id")
        one.add_argument("name", help="服务名 the served name")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    actions = {"list": _list, "register": _register, "remove": _remove}
    act = actions.get(args.what, _step)
    if args.what == "register":
        # The box stands elsewhere: a relative path is meant from here.
        args.file = str(Path(args.file).resolve())
    return converse(args, lambda session: act(session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for one in await session.serving.adapters():
        print(plain(_line(one)))
    return 0


async def _register(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.serving import AdapterWish  # noqa: PLC0415  # keeps --help light

    wish = AdapterWish.model_validate({"id": args.id, "base": args.base, "file": args.file})
    print(plain(_line(await session.serving.register_adapter(wish))))
    return 0


async def _step(session: "Session", args: argparse.Namespace) -> int:
    name = getattr(args, "name", None)
    print(plain(_line(await session.serving.adapter_step(args.id, args.what, name))))
    return 0


async def _remove(session: "Session", args: argparse.Namespace) -> int:
    await session.serving.remove_adapter(args.id)
    print("已删除。 Removed.")
    return 0


def _line(one: "AdapterView") -> str:
    approved = f"  {one.approved_by}" if one.approved_by else ""
    return (
        f"{one.id}  {one.base}  {one.state}  {one.bytes / 1e6:.1f} MB  {one.digest[:16]}{approved}"
    )
