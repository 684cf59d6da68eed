"""`wardbox eval run`: examine a model and print shares with their intervals."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain, watch

if TYPE_CHECKING:
    from appliance.client.session import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `eval` to the command line."""
    parser = commands.add_parser("eval", help="评测 examine a model")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    one = what.add_parser("run", help="运行评测 run an evaluation and follow it")
    one.add_argument(
        "--ability",
        action="append",
        default=[],
        metavar="ID",
        help="能力编号,可重复;缺省为全部 an ability, may be repeated; all when left out",
    )
    one.add_argument(
        "--model", metavar="ID", help="模型,缺省为默认模型 the default one if left out"
    )
    one.add_argument("--limit", type=int, metavar="N", help="每项题数 cases of each ability")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--json", action="store_true", help="输出完整报告 print the whole report")
    one.add_argument("--no-wait", action="store_true", help="只提交 submit and leave")


def run(args: argparse.Namespace) -> int:
    """Submit an evaluation and follow it.

    Returns:
        0 done, 1 refused or failed, 3 no box answers.
    """
    return converse(args, lambda session: _run(session, args))


async def _run(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.job import EvaluationWish  # noqa: PLC0415  # keeps --help light

    wish = EvaluationWish.model_validate(
        {"abilities": args.ability, "model": args.model, "limit": args.limit, "seed": args.seed}
    )
    job = await session.evaluate(wish)
    if args.no_wait:
        print(job.id)
        return 0
    if not args.json:
        print(job.id, flush=True)
        if await watch(session, job.id):
            return 1
    else:
        async for _ in session.job_events(job.id):
            pass
    ended = await session.job(job.id)
    if ended.result is None:
        return 1
    print(
        json.dumps(ended.result, ensure_ascii=False, indent=2)
        if args.json
        else _table(ended.result)
    )
    return 0


def _table(result: dict[str, Any]) -> str:
    """The abilities of a report, one a line: share, Wilson interval, cases."""
    lines = []
    for row in result.get("report", {}).get("abilities", []):
        passed = row["passed"]
        lines.append(
            f"{row['ability']:<4} {row['name']['zh']} {row['name']['en']}: "
            f"{passed['count']}/{row['cases']} = {passed['share']:.2%}"
            f" [{passed['low']:.2%}, {passed['high']:.2%}]"
        )
    lines.append(f"报告摘要 report digest: {result.get('report_digest', '-')}")
    return "\n".join(plain(line) for line in lines)
