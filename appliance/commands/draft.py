"""`wardbox draft admission-note`: a note from a file of key facts."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from appliance.commands.conversation import converse, tell
from appliance.commands.errors import FileUnreadable

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.specialist import Draft

_LARGEST: Final = 1_048_576


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `draft` to the command line."""
    parser = commands.add_parser("draft", help="起草病历文书 draft a record")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    note = kinds.add_parser("admission-note", help="入院记录 an admission note")
    note.add_argument(
        "--facts", type=Path, required=True, help="要点文件(JSON)key facts; - for stdin"
    )
    note.add_argument("--json", action="store_true", help="JSON")
    note.add_argument("--stream", action="store_true", help="边写边显示 show it as it is written")


def run(args: argparse.Namespace) -> int:
    """Draft and print; the note goes to stdout, everything about it to stderr.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    try:
        facts = _read(args.facts)
    except FileUnreadable as error:
        tell(error.sentence, error.way_out, error.code)
        return 1

    async def ask(session: "Session") -> int:
        draft = await (_streamed(session, facts) if args.stream else session.draft(facts))
        if draft is None:
            return 1
        if args.json:
            print(draft.model_dump_json(indent=2))
        else:
            _show(draft)
        return 0

    return converse(args, ask)


def _read(path: Path) -> dict[str, Any]:
    try:
        if str(path) == "-":
            text = sys.stdin.read(_LARGEST)
        else:
            with path.open(encoding="utf-8") as stream:
                text = stream.read(_LARGEST)
        facts = json.loads(text)
    except OSError as error:
        raise FileUnreadable(path=path, reason=error.strerror or "I/O") from error
    except (ValueError, RecursionError) as error:
        raise FileUnreadable(path=path, reason=f"JSON: {error}") from error
    if not isinstance(facts, dict):
        raise FileUnreadable(path=path, reason="不是 JSON 对象 not a JSON object")
    return facts


async def _streamed(session: "Session", facts: dict[str, Any]) -> "Draft | None":
    """Show the unchecked text on stderr as it comes, and return the draft that counts."""
    made = None
    async for event in session.draft_stream(facts):
        if event.event == "delta":
            print(_inert(event.text), end="", file=sys.stderr, flush=True)
        elif event.event == "done":
            print(file=sys.stderr)
            made = event.draft
    return made


def _show(draft: "Draft") -> None:
    print(_inert(draft.note.text))
    about = sys.stderr
    for repair in draft.repairs:
        line = f"已修正 repaired  {repair.field}: {repair.before} → {repair.after}"
        print(_inert(line), file=about)
    for flag in draft.flags:
        print(_inert(f"请核对 look at   {flag.field}: {flag.sentence}"), file=about)
    print(f"凭证 receipt     {draft.receipt}", file=about)
    print(f"模型 model       {draft.model}, {draft.seconds:.1f} s", file=about)


def _inert(text: str) -> str:
    """Text that cannot steer a terminal: no escapes, no bidirectional controls."""
    return "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
