"""`wardbox status`: how the box is, in a few lines or as JSON."""

import argparse
from typing import TYPE_CHECKING

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.backup import BackupList
    from appliance.contract.system import Health, Overview


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `status` to the command line."""
    parser = commands.add_parser("status", help="查看状态 tell how the box is")
    parser.add_argument("--json", action="store_true", help="JSON")
    parser.add_argument(
        "--deep", action="store_true", help="让引擎写出一个词元 have the engine write one token"
    )


def run(args: argparse.Namespace) -> int:
    """Tell the state.

    Returns:
        0 ok, 1 not (locked, starting, degraded), 3 no box answers.
    """

    async def ask(session: "Session") -> int:
        health = await session.health(deep=args.deep)
        overview = None if health.vault != "unlocked" else await session.overview()
        if args.json:
            print((overview or health).model_dump_json(indent=2))
        else:
            _show(health, overview)
            if overview is not None:
                _show_backups(await session.backups.list())
        return 0 if health.status == "ok" else 1

    return converse(args, ask)


def _show(health: "Health", overview: "Overview | None") -> None:
    print(f"状态 status     {health.status}")
    print(f"保险库 vault    {health.vault}")
    print(f"引擎 engine     {health.engine}")
    print(f"审计 audit      {health.audit}")
    if health.deep is not None:
        told = "ok" if health.deep.ok else health.deep.reason
        print(f"实测 deep       {told}, {health.deep.latency_ms:.0f} ms")
    if overview is None:
        return
    print(f"姿态 posture    {overview.posture.sentence.zh} {overview.posture.sentence.en}")
    print(f"完整性 integrity {overview.integrity.state}, {overview.integrity.entries} entries")
    print(f"请求 requests   {overview.traffic.requests_per_minute:.0f}/min")
    for engine in overview.engines:
        print(f"模型 model      {engine.model}: {engine.state}, {engine.in_flight} in flight")
    print(f"任务 jobs       {overview.jobs.queued} queued, {overview.jobs.running} running")


def _show_backups(seen: "BackupList") -> None:
    from appliance.commands.backup_health import findings  # noqa: PLC0415  # keeps --help light

    for one in findings(seen):
        mark = "! " if one.verdict != "ok" else ""
        print(f"备份 backup     {mark}{one.zh} {one.en}")
