"""`wardbox certificate`: what clients see, the hospital's own certificate, and those of programs."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appliance.commands.conversation import converse, tell
from appliance.commands.errors import FileUnusable

if TYPE_CHECKING:
    from appliance.client.session import Session

_MAX_BYTES: Final = 65_536


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `certificate` to the command line."""
    parser = commands.add_parser("certificate", help="证书 certificates")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("show", help="当前证书 what clients see")
    own = what.add_parser("install", help="安装医院证书 install the hospital's own")
    own.add_argument(
        "--cert", type=Path, required=True, metavar="FILE", help="证书与链 the chain, PEM"
    )
    key = own.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, metavar="FILE", help="私钥文件 the private key, PEM")
    key.add_argument("--key-stdin", action="store_true", help="从标准输入读私钥 read it from stdin")
    what.add_parser("remove", help="恢复一体机证书 go back to the box's own")
    what.add_parser("list", help="客户端证书 list those of programs")
    made = what.add_parser("client", help="签发客户端证书 issue one to a program")
    made.add_argument("name", help="名称 a label")
    made.add_argument(
        "--key", required=True, metavar="KEY_ID", help="对应的密钥 whose rights it has"
    )
    made.add_argument("--csr", type=Path, metavar="FILE", help="签名请求 a signing request, PEM")
    made.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="写入 where to write it"
    )
    gone = what.add_parser("revoke", help="吊销 revoke one at once")
    gone.add_argument("fingerprint", help="指纹 its fingerprint")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; private keys come from files or stdin, never from arguments.

    Returns:
        0 done, 1 refused, 3 no box answers.
    """
    actions = {
        "show": _show, "install": _install, "remove": _remove,
        "list": _list, "client": _client, "revoke": _revoke,
    }  # fmt: skip
    try:
        return converse(args, lambda session: actions[args.what](session, args))
    except FileUnusable as error:
        tell(error.sentence, error.way_out, error.code)
        return 1


async def _show(session: "Session", _: argparse.Namespace) -> int:
    one = await session.outside.certificate()
    whose = "医院证书 the hospital's" if one.source == "own" else "一体机证书 the box's own"
    print(f"{whose}\n{one.subject}\n← {one.issuer}\n{', '.join(one.names)}")
    print(f"{one.not_after:%Y-%m-%d}  {one.expires_in_days} 天 days\nSHA-256 {one.fingerprint}")
    return 0


async def _install(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.signin import CertificateWish  # noqa: PLC0415  # keeps --help light

    key = sys.stdin.read(_MAX_BYTES) if args.key_stdin else _read(args.key)
    await session.outside.install(CertificateWish(certificate=_read(args.cert), key=key))
    return await _show(session, args)


async def _remove(session: "Session", args: argparse.Namespace) -> int:
    await session.outside.remove()
    return await _show(session, args)


async def _list(session: "Session", _: argparse.Namespace) -> int:
    for one in await session.outside.clients():
        state = "revoked" if one.revoked else f"until {one.expires:%Y-%m-%d}"
        print(f"{one.fingerprint}  {one.name}  {one.key_id}  {state}")
    return 0


async def _client(session: "Session", args: argparse.Namespace) -> int:
    from appliance.contract.signin import ClientWish  # noqa: PLC0415  # keeps --help light

    csr = None if args.csr is None else _read(args.csr)
    made = await session.outside.issue(ClientWish(name=args.name, key_id=args.key, csr=csr))
    try:
        # Exclusive and closed to others: it may hold a private key.
        args.out.touch(mode=0o600, exist_ok=False)
        args.out.write_text((made.key or "") + made.certificate, "ascii")
    except OSError as error:
        await session.outside.revoke(made.fingerprint)
        raise FileUnusable(path=args.out, reason=error.strerror or error) from error
    print(f"{made.fingerprint}  {made.expires:%Y-%m-%d}  {args.out}")
    return 0


async def _revoke(session: "Session", args: argparse.Namespace) -> int:
    await session.outside.revoke(args.fingerprint)
    print("已吊销。 Revoked.")
    return 0


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FileUnusable(path=path, reason="> 64 KiB")
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnusable(path=path, reason=error) from error
