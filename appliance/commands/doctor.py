"""`wardbox doctor`: what is not well with this box, told without needing it to run."""

import argparse
import json
from typing import TYPE_CHECKING

from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.vault.doctor import Finding

_MARKS = {"ok": "✓", "warning": "!", "bad": "✗"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `doctor` to the command line."""
    parser = commands.add_parser("doctor", help="诊断 what is not well, and what to do")
    parser.add_argument("--json", action="store_true", help="JSON")


def run(args: argparse.Namespace) -> int:
    """Look and tell.

    Returns:
        0 all well or only warnings, 1 something is bad.
    """
    from appliance.vault.doctor import examine  # noqa: PLC0415  # keeps --help light

    found = examine(StateLayout(state_directory(args.environ)))
    if args.json:
        print(json.dumps([_plain(one) for one in found], ensure_ascii=False, indent=2))
    else:
        print("加密存储 storage")
        for one in found:
            print(f"  {_MARKS[one.verdict]} {one.zh}\n    {one.en}")
    return int(any(one.verdict == "bad" for one in found))


def _plain(finding: "Finding") -> dict[str, str]:
    return {
        "part": "storage",
        "subject": finding.subject,
        "verdict": finding.verdict,
        "zh": finding.zh,
        "en": finding.en,
    }
