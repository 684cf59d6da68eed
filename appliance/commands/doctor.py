"""`wardbox doctor`: what is not well with this box, told whether it runs or not."""

import argparse
import json
from typing import TYPE_CHECKING

from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.vault.doctor import Finding

_MARKS = {"ok": "✓", "warning": "!", "bad": "✗"}
_PARTS = {"storage": "加密存储 storage", "keys": "密钥 keys", "backup": "备份 backup"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `doctor` to the command line."""
    parser = commands.add_parser("doctor", help="诊断 what is not well, and what to do")
    parser.add_argument("--json", action="store_true", help="JSON")


def run(args: argparse.Namespace) -> int:
    """Look and tell.

    Returns:
        0 all well or only warnings, 1 something is bad.
    """
    from appliance.commands.backup_health import ask_backups  # noqa: PLC0415
    from appliance.commands.keys_health import ask_keys  # noqa: PLC0415  # keeps --help light
    from appliance.vault.doctor import examine  # noqa: PLC0415

    layout = StateLayout(state_directory(args.environ))
    parts = {
        "storage": examine(layout),
        "keys": ask_keys(layout),
        "backup": ask_backups(layout),
    }
    if args.json:
        plain = [_plain(part, one) for part, found in parts.items() for one in found]
        print(json.dumps(plain, ensure_ascii=False, indent=2))
    else:
        for part, found in parts.items():
            print(_PARTS[part])
            for one in found:
                print(f"  {_MARKS[one.verdict]} {one.zh}\n    {one.en}")
    return int(any(one.verdict == "bad" for found in parts.values() for one in found))


def _plain(part: str, finding: "Finding") -> dict[str, str]:
    return {
        "part": part,
        "subject": finding.subject,
        "verdict": finding.verdict,
        "zh": finding.zh,
        "en": finding.en,
    }
