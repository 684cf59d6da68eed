"""`wardbox model`: list the shelf, verify a model, show its card, inspect a file, plan capacity."""

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain
from appliance.commands.model_import import add_import, run_import
from appliance.commands.model_plan import add_plan, run_plan
from appliance.commands.model_serving import ACTIONS, act, add_serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from appliance.client.session import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `model` to the command line."""
    parser = commands.add_parser("model", help="模型 list, verify or inspect models")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="货架上的模型 models on the shelf")
    for name, text in (("verify", "重新校验 hash a model again"), ("card", "模型卡 show its card")):
        one = what.add_parser(name, help=text)
        one.add_argument("id", help="模型标识 a model id")
    inspect = what.add_parser("inspect", help="检查模型文件,不经过设备 judge a file, without a box")
    inspect.add_argument("file", help="GGUF、safetensors 文件或文件夹 a file or folder")
    inspect.add_argument("--json", action="store_true", help="以 JSON 输出 print JSON")
    inspect.add_argument("--sha256", action="store_true", help="同时计算摘要 digest it too")
    add_plan(what)
    add_import(what)
    add_serving(what)


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done or acceptable, 1 refused or not acceptable, 2 unreadable, 3 no box answers, 4 a
        plan that does not fit.
    """
    if args.what == "inspect":
        return _inspect(args)
    if args.what == "plan":
        return run_plan(args)
    if args.what == "import":
        return run_import(args)
    actions = {"list": _list, "verify": _verify, "card": _card, **dict.fromkeys(ACTIONS, act)}
    return converse(args, lambda session: actions[args.what](session, args))


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for model in await session.models():
        default = "*" if model.default else " "
        line = (
            f"{default} {model.id}  {model.version}  {model.architecture}  {model.quantisation}"
            f"  {model.bytes / 1e6:.1f} MB  {model.engine}  {model.digest[:16]}"
        )
        also = f"  另在 also on {', '.join(model.boxes)}" if model.boxes else ""
        print(plain(line + also))
    for one in await session.serving.elsewhere():
        boxes = ", ".join(sorted({replica.address for replica in one.replicas}))
        print(plain(f"  {one.id}  仅在 only on {boxes}"))
    return 0


async def _verify(session: "Session", args: argparse.Namespace) -> int:
    found = await session.verify_model(args.id)
    print(plain(f"{found.id}: {found.files} 个文件 files, {found.bytes} B, 无误 sound"))
    print(plain(found.digest))
    return 0


async def _card(session: "Session", args: argparse.Namespace) -> int:
    print((await session.card(args.id)).model_dump_json(indent=2))
    return 0


def _inspect(args: argparse.Namespace) -> int:
    """Hand the file to the models room's own program, which needs no box."""
    program: Callable[[list[str]], int] = import_module("models.__main__").main
    flags = [name for name in ("json", "sha256") if getattr(args, name)]
    return program(["model", "inspect", *(f"--{name}" for name in flags), "--", args.file])
