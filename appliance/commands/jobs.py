"""`wardbox jobs`: list, show, watch, cancel and resume long work."""

import argparse
import json
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.job import Job, JobEvent

_BAR: Final = 24


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `jobs` to the command line."""
    parser = commands.add_parser("jobs", help="任务 list, watch, cancel or resume long work")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="列出 list them")
    helps = {
        "show": "查看 show one",
        "watch": "跟踪进度 follow one until it rests",
        "cancel": "取消 cancel one",
        "resume": "继续 take one up again",
    }
    for name, text in helps.items():
        one = what.add_parser(name, help=text)
        one.add_argument("id", help="任务编号 a job id")
    train = what.add_parser("train", help="提交训练 submit a training job")
    train.add_argument("name", help="新模型的标识 id of the new model")
    train.add_argument("--minutes", type=float, help="最长训练分钟数 longest training")
    train.add_argument("--steps", type=int, help="最多步数 most steps")
    train.add_argument("--records", type=int, help="生成的病历数 invented records")
    train.add_argument("--seed", type=int)
    train.add_argument(
        "--boxes",
        type=_count,
        metavar="N",
        help="在集群的几台机器上同步训练 boxes of the cluster that train in step",
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused or the watched job failed, 3 no box answers.
    """
    actions = {
        "list": _list,
        "show": _show,
        "watch": _watch,
        "cancel": _cancel,
        "resume": _resume,
        "train": _train,
    }
    return converse(args, lambda session: actions[args.what](session, args))


async def watch(session: "Session", job_id: str) -> int:
    """Print a job's events until it rests; 0 when it is done, 1 otherwise."""
    ended = "queued"
    async for event in session.job_events(job_id):
        print(plain(event_line(event)), flush=True)
        if event.event != "progress":
            ended = event.event
    return 0 if ended == "done" else 1


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for job in await session.jobs():
        print(plain(job_line(job)))
    return 0


async def _show(session: "Session", args: argparse.Namespace) -> int:
    print((await session.job(args.id)).model_dump_json(indent=2))
    return 0


async def _watch(session: "Session", args: argparse.Namespace) -> int:
    return await watch(session, args.id)


async def _cancel(session: "Session", args: argparse.Namespace) -> int:
    print(plain(job_line(await session.cancel_job(args.id))))
    return 0


async def _resume(session: "Session", args: argparse.Namespace) -> int:
    print(plain(job_line(await session.resume_job(args.id))))
    return 0


async def _train(session: "Session", args: argparse.Namespace) -> int:
    keys = ("name", "minutes", "steps", "records", "seed", "boxes")
    given = {key: getattr(args, key) for key in keys}
    spec = {key: value for key, value in given.items() if value is not None}
    job = await session.submit_job("training", spec)
    print(job.id, flush=True)
    return await watch(session, job.id)


def _count(text: str) -> int:
    """A whole number as it was typed; what it may be is the box's to say."""
    if not text.isascii() or not text.removeprefix("-").isdigit():
        told = plain(text[:20])
        raise argparse.ArgumentTypeError(f"应为整数 a whole number is expected: {told}")
    return int(text[:20])


def job_line(job: "Job") -> str:
    """One job on one line."""
    moment = job.created.strftime("%Y-%m-%d %H:%M")
    end = f"  {job.fault.sentence}" if job.fault else progress_text(job.progress)
    return f"{job.id}  {moment}  {job.kind:<11} {job.state:<11} {job.actor}{end}"


def event_line(event: "JobEvent") -> str:
    """One event on one line."""
    if event.event == "progress":
        return f"{event.index:>6} {progress_text(event.data)}"
    fault = event.data.get("fault")
    told = fault.get("sentence", "") if isinstance(fault, dict) else ""
    return f"{event.index:>6}  {event.event}  {told}".rstrip()


def progress_text(progress: dict[str, object] | None) -> str:
    """A worker's report: a bar where it tells a fraction, then its figures."""
    if not progress:
        return ""
    fraction = progress.get("fraction")
    bar = ""
    if isinstance(fraction, int | float) and 0 <= fraction <= 1:
        full = round(fraction * _BAR)
        bar = f"  [{'#' * full}{'.' * (_BAR - full)}] {fraction:.0%}"
    rest = {key: value for key, value in progress.items() if key != "fraction"}
    return bar + "  " + json.dumps(rest, ensure_ascii=False)[:200]


def plain(text: str) -> str:
    """The text without anything that could steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
