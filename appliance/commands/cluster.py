"""`wardbox cluster`: put boxes together, see how they stand, take one out."""

import argparse
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, read_secret

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.cluster import ClusterView

_STATES: Final = {"alive": "在线", "lost": "失联", "unknown": "未知"}
_ROLES: Final = {"none": "未加入", "head": "首机", "member": "成员"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `cluster` to the command line."""
    parser = commands.add_parser("cluster", help="多机集群 several boxes as one")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    init = what.add_parser("init", help="以本机为首机建立集群 found one with this box")
    token = what.add_parser("token", help="首机:发出加入令牌 first box: make a join token")
    token.add_argument("--minutes", type=int, default=30, help="有效分钟数 how long it is good")
    join = what.add_parser("join", help="加入(令牌从终端或标准输入读取)enter one")
    join.add_argument("head", help="首机的互联地址 address of the first box")
    join.add_argument("--head-port", type=int, default=8443, help="首机 API 端口 its API port")
    for one in (init, join):
        one.add_argument("--address", required=True, help="本机的互联地址 this box's own address")
        one.add_argument("--base-port", type=int, default=6400, help="起始端口 first port")
    leave = what.add_parser("leave", help="等待任务结束后离开 let work end, then leave")
    leave.add_argument("--drain", type=int, default=120, metavar="S", help="最多等待秒数")
    forget = what.add_parser("forget", help="首机:除名失联的机器 strike a box that is gone")
    forget.add_argument("address")
    share = what.add_parser("share", help="向其他机器开放模型 lend a model or served name")
    share.add_argument("name", help="模型或服务名 model or served name")
    share.add_argument("--off", action="store_true", help="不再开放 lend it no more")
    status = what.add_parser("status", help="各机状态 how the boxes stand")
    status.add_argument("--json", action="store_true", help="JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or a box is lost, 3 no box answers.
    """
    jobs = {
        "init": _init,
        "token": _token,
        "join": _join,
        "leave": _leave,
        "forget": _forget,
        "share": _share,
        "status": _status,
    }
    return converse(args, lambda session: jobs[args.what](session, args))


async def _init(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.cluster import ClusterFound  # noqa: PLC0415  # keeps --help light

    wish = ClusterFound(address=args.address, base_port=args.base_port)
    return _show(await session.cluster.found(wish))


async def _token(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.cluster import ClusterInvitation  # noqa: PLC0415

    made = await session.cluster.invite(ClusterInvitation(minutes=args.minutes))
    print(made.token)
    return 0


async def _join(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.cluster import ClusterJoin  # noqa: PLC0415

    wish = ClusterJoin(
        token=read_secret("加入令牌 join token: "),
        head=args.head,
        head_port=args.head_port,
        address=args.address,
        base_port=args.base_port,
    )
    return _show(await session.cluster.join(wish))


async def _leave(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.cluster import ClusterLeave  # noqa: PLC0415

    left = await session.cluster.leave(ClusterLeave(drain_s=args.drain))
    idle = "任务已全部结束 all work had ended" if left.idle else "仍有任务被中断 work was cut off"
    print(f"已离开集群。 The box has left the cluster: {idle}")
    return 0


async def _forget(session: "Session", args: argparse.Namespace) -> int:
    await session.cluster.forget(args.address)
    print(f"已除名 struck: {args.address}")
    return 0


async def _share(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.cluster import ClusterShare  # noqa: PLC0415

    if args.off:
        await session.cluster.withhold(args.name)
        print(f"不再开放 no longer shared: {args.name}")
        return 0
    await session.cluster.share(ClusterShare(name=args.name))
    print(f"已向其他机器开放 shared with the other boxes: {args.name}")
    return 0


async def _status(session: "Session", args: argparse.Namespace) -> int:
    view = await session.cluster.state()
    if args.json:
        print(view.model_dump_json(indent=2))
        return int(any(box.state == "lost" for box in view.boxes))
    return _show(view)


def _show(view: "ClusterView") -> int:
    print(f"角色 role        {_ROLES[view.role]} {view.role}")
    if view.role == "none":
        return 0
    print(f"首机 head        {view.head}")
    print(f"集群 CA authority {view.authority}")
    print(f"本机节点 node    {'运行中 running' if view.running else '未运行 not running'}")
    for box in view.boxes:
        lent = ""
        if box.cpus and box.gpus:
            lent = f"CPU {box.cpus[1]:g}/{box.cpus[0]:g}  GPU {box.gpus[1]:g}/{box.gpus[0]:g} free"
        since = f"since {box.lost:%Y-%m-%d %H:%M}" if box.lost else ""
        state = f"{_STATES[box.state]} {box.state}"
        line = f"{box.address:<15}  {state:<12}  {box.name}  {lent}  {since}".rstrip()
        print(_plain(line))
    print(f"对等入口 door     {'已打开 open' if view.door else '未打开 closed'}")
    print(_plain(f"开放 shared      {', '.join(view.shared) or '-'}"))
    for one in view.replicas:
        name = one.model if one.adapter is None else f"{one.model}+{one.adapter}"
        rests = "  暂停 resting" if one.resting else ""
        line = f"副本 replica     {name}  {one.address}  {one.busy}/{one.slots}  {one.digest[:12]}"
        print(_plain(line + rests))
    return int(any(box.state == "lost" for box in view.boxes))


def _plain(line: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in line)
