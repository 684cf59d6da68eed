"""`wardbox model load|unload|pin|unpin|remove|status`: models in memory, and how they are kept."""

import argparse
from typing import TYPE_CHECKING, Final

from appliance.commands.jobs import plain

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.serving import ModelStateView

ACTIONS: Final = ("load", "unload", "pin", "unpin", "remove", "status")


def add_serving(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about models in memory to `wardbox model`."""
    what.add_parser("status", help="已加载的模型 models in memory")
    for name, text in (
        ("load", "立即加载 load it now"),
        ("unload", "答完后卸载 let it go after its running answers"),
        ("pin", "常驻内存 keep it in memory"),
        ("unpin", "取消常驻 no longer keep it"),
        ("remove", "从货架上移除 take it off the shelf"),
    ):
        one = what.add_parser(name, help=text)
        one.add_argument("id", help="模型标识 a model id")
        if name in {"pin", "unpin"}:
            one.add_argument(
                "--idle-unload-s",
                type=int,
                metavar="N",
                help="空闲多少秒后卸载,0 从不 idle seconds",
            )


async def act(session: "Session", args: argparse.Namespace) -> int:
    """Do what was asked."""
    from appliance.contract.serving import Keeping  # noqa: PLC0415  # keeps --help light

    serving = session.serving
    if args.what == "status":
        for state in await serving.states():
            print(plain(line_of(state)))
            if state.way_out is not None:
                print(plain(f"    → {state.way_out.zh} {state.way_out.en}"))
    elif args.what == "load":
        print(plain(line_of(await serving.load(args.id))))
    elif args.what == "unload":
        await serving.unload(args.id)
        print("已卸载。 Unloaded.")
    elif args.what == "remove":
        await serving.remove(args.id)
        print("已移除。 Removed.")
    else:
        wish = Keeping(pinned=args.what == "pin", idle_unload_s=args.idle_unload_s)
        await serving.keep(args.id, wish)
        print("已常驻。 Pinned." if wish.pinned else "已取消常驻。 Unpinned.")
    return 0


def line_of(state: "ModelStateView") -> str:
    """A model's state in one line."""
    from appliance.client.serving import used  # noqa: PLC0415  # keeps --help light

    pin = "*" if state.pinned else " "
    share = f" {state.percent} % {state.step}".rstrip() if state.phase == "loading" else ""
    holds = f"  {used(state.holds)}" if state.holds else ""
    name = f" [{state.failure}]" if state.failure else ""
    reason = f"  {state.reason.zh} {state.reason.en}{name}" if state.reason else ""
    wait = f"  ({state.retry_after_s} s)" if state.phase == "failed" else ""
    told = f"{state.phase}{share}  {state.in_flight} 路{holds}{reason}{wait}"
    return f"{pin} {state.model}  {told}"
