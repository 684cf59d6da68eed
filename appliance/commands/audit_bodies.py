"""`wardbox audit body` and `forget`: what stands behind an entry, and its end for one patient."""

import argparse
import sys
from typing import TYPE_CHECKING, Final

from appliance.commands import vault_keys
from appliance.commands.conversation import converse

if TYPE_CHECKING:
    from appliance.client.session import Session
    from appliance.contract.bodies import BodyText, BodyView

WHATS: Final = frozenset(("body", "forget"))
_PARTS: Final = {"prompt": "提示 prompt", "answer": "回答 answer", "extract": "病历摘录 extract"}


def add_parsers(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about bodies to `wardbox audit`."""
    body = what.add_parser("body", help="调阅正文(会被记录) read what stands behind an entry")
    body.add_argument("entry", metavar="RECEIPT|INDEX", help="收据或序号 its receipt or index")
    body.add_argument("--part", choices=tuple(_PARTS), help="只显示一段 this text alone")
    body.add_argument("--json", action="store_true", help="JSON")
    forget = what.add_parser(
        "forget", help="遗忘患者 destroy a patient's keys: nobody can read the bodies any more"
    )
    forget.add_argument(
        "--patient", required=True, metavar="ID", help="患者标识;- 表示从标准输入读取 - reads stdin"
    )
    forget.add_argument("--yes", action="store_true", help="不再询问 do not ask again")
    forget.add_argument("--approval", metavar="ID", help="双人批准的编号 the approval's id")
    forget.add_argument(
        "--certificate", metavar="FILE", help="销毁证明;不写则打印 printed when left out"
    )


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 refused, 2 the certificate cannot be written there, 3 no box answers.
    """
    if args.what == "body":
        return converse(args, lambda session: _read(session, args))
    patient = sys.stdin.readline().rstrip("\r\n") if args.patient == "-" else args.patient
    args.kind, args.subject = "patient", patient
    args.confirm = patient if args.yes else None
    return vault_keys.erase(args)


async def _read(session: "Session", args: argparse.Namespace) -> int:
    view = await session.bodies.read(args.entry)
    if args.json:
        print(view.model_dump_json(indent=2))
    elif args.part is None:
        _show(view)
    else:
        text: BodyText | None = getattr(view, args.part)
        print("" if text is None else _plain(text.text))
    return 0


def _show(view: "BodyView") -> None:
    print(f"记录 entry     {view.index}\n收据 receipt   {view.receipt}")
    print(f"患者 patient   {view.patient or '-'}")
    for name, title in _PARTS.items():
        text: BodyText | None = getattr(view, name)
        if text is not None:
            cut = f" (已截断 cut, {text.bytes} B)" if text.cut else ""
            print(f"\n{title}{cut}\n{_plain(text.text)}")


def _plain(text: str) -> str:
    """What came from outside, without anything that could steer a terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "?" for sign in text)
