"""`wardbox model import`: bring a model from a stick or a folder onto the shelf."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.conversation import converse
from appliance.commands.jobs import plain, watch

if TYPE_CHECKING:
    from appliance.client.session import Session


def add_import(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `import` to `wardbox model`."""
    one = what.add_parser("import", help="从 U 盘或文件夹导入 from a stick or a folder")
    one.add_argument("path", help="模型文件夹或 GGUF 文件 a model folder or a GGUF file")
    one.add_argument("--id", help="货架上的标识 its id on the shelf")
    one.add_argument("--no-wait", action="store_true", help="不等待 only submit the job")


def run_import(args: argparse.Namespace) -> int:
    """Submit the import and follow it.

    Returns:
        0 done (or submitted), 1 refused or failed, 3 no box answers.
    """
    # A mount point may itself be reached by a link; the box takes none, so it is resolved here.
    path = str(Path(args.path).resolve())
    return converse(args, lambda session: _import(session, args, path))


async def _import(session: "Session", args: argparse.Namespace, path: str) -> int:
    job = await session.imports.submit(path, args.id)
    print(job.id, flush=True)
    if args.no_wait:
        return 0
    status = await watch(session, job.id)
    if status == 0:
        for line in result_lines((await session.job(job.id)).result or {}):
            print(plain(line))
    return status


def result_lines(result: dict[str, Any]) -> list[str]:
    """What was brought in, and what its supplier did not state."""
    lines = [f"{result.get('model')}  {result.get('files')} 个文件 files  {result.get('bytes')} B"]
    lines.append(str(result.get("digest")))
    missing = ", ".join(map(str, result.get("missing", ())))
    if missing:
        lines.append(f"供应方未说明 the supplier did not state: {missing}")
    return lines
