"""`wardbox vault`: unlock, lock and look at the encrypted storage."""

import argparse
import sys
from typing import TYPE_CHECKING

from appliance.commands import vault_keys
from appliance.commands.conversation import converse, tell
from appliance.commands.errors import ArgumentRefused
from appliance.commands.secrets_in import SecretSource, add_source, presented
from appliance.commands.vault_slots import add_slots_parser, run_slots

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.access import Unlock, VaultView

_WRONG_USAGE = 2
_MADE_OF = {"embedded": "SQLCipher + gocryptfs", "luks": "LUKS2, ext4"}
_STATES = {"absent": "尚未创建", "locked": "已锁定", "unlocked": "已解锁"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `vault` to the command line."""
    parser = commands.add_parser("vault", help="保险库 unlock, lock or look at the vault")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    unlock = what.add_parser(
        "unlock",
        help="解锁:口令或恢复密钥从终端或标准输入读取 the secret is asked for, or read from stdin",
    )
    add_source(unlock)
    what.add_parser("lock", help="锁定:卸载文件并清除密钥 unmount the files and wipe the keys")
    add_slots_parser(what)
    what.add_parser(
        "claim", help="声明保险库属于本机(迁移之后) say that the vault belongs to this machine"
    )
    vault_keys.add_parsers(what)
    status = what.add_parser("status", help="查看状态 tell how the vault stands")
    status.add_argument("--json", action="store_true", help="JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done (for `status`: unlocked), 1 refused (for `status`: not unlocked), 2 no secret was
        given, 3 no box answers.
    """
    if args.what in vault_keys.WHATS:
        return vault_keys.run(args)
    if args.what == "unlock":
        return _unlocked(args)
    if args.what == "slots":
        return run_slots(args)
    if args.what == "claim":
        return converse(args, _claim)
    if args.what == "lock":
        return converse(args, _lock)
    return converse(args, lambda session: _status(session, as_json=args.json))


def _unlocked(args: argparse.Namespace) -> int:
    try:
        # Asked before the box is, so that no connection waits for a person.
        wish = presented(args, SecretSource(args.fd), "口令或恢复密钥 passphrase or recovery key: ")
    except ArgumentRefused as error:
        tell(error.sentence, error.way_out, error.code)
        return _WRONG_USAGE
    if wish is None:
        print("没有输入口令。 No secret was given.", file=sys.stderr)
        return _WRONG_USAGE
    return converse(args, lambda session: _unlock(session, wish))


async def _unlock(session: "Session", wish: "Unlock") -> int:
    _show(await session.slots.unlock(wish))
    return 0


async def _claim(session: "Session") -> int:
    _show(await session.slots.claim())
    return 0


async def _lock(session: "Session") -> int:
    _show(await session.lock())
    return 0


async def _status(session: "Session", *, as_json: bool) -> int:
    from appliance.vault.outcome import LOST_EN, LOST_ZH, LUKS  # noqa: PLC0415  # keeps --help light

    view = await session.vault()
    if as_json:
        print(view.model_dump_json(indent=2))
    else:
        _show(view)
        print(f"存储 back end  {view.backend} ({_MADE_OF.get(view.backend, '')})")
        print(f"开启方式 slots  {', '.join(view.slots) or '-'}")
        if view.backend != LUKS:
            print(f"{LOST_ZH}\n{LOST_EN}")
    return 0 if view.state == "unlocked" else 1


def _show(view: "VaultView") -> None:
    print(f"保险库 vault   {_STATES.get(view.state, '')} {view.state}")
    for warning in view.warnings:
        print(f"! {warning.sentence}\n  → {warning.way_out}")
