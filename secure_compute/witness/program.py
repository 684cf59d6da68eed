"""Witness the audit log of WardBoxes: `python3 witness.py cosign STICK`, standard library only.

This program needs Python 3.8 or later and nothing else. It keeps a key of its own and, of each box
that it was told to know, the last tree that it cosigned. It cosigns a checkpoint only if the box
signed it and the box proves that the log has merely grown since: never a fork, never a rollback.
Run it on another machine than the box, by another person, from a copy that did not come from the box.

Exit status: 0 cosigned, or nothing new; 1 something is wrong; 2 something cannot be read or written.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from secure_compute.verifier.notes import parse_checkpoint, parse_key
from secure_compute.verifier.reading import Head, Refused, Unreadable
from secure_compute.witness.growth import grew
from secure_compute.witness.memory_file import Known, Own, alone, load, make_own, save
from secure_compute.witness.stick import (
    folders_of,
    largest_cosigned,
    lay_down,
    offers_in,
    origin_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from secure_compute.witness.stick import Offered


def trust(path: Path, line: str) -> str:
    """Get to know a box; its key was compared with the box's own screen."""
    key = parse_key(line)
    with alone(path):
        own = load(path)
        known = own.boxes.get(key.name)
        if known is not None and known.key.line != key.line:
            raise Refused(
                f"已有一台名为 {key.name} 的设备,密钥不同:{known.key.line}。若更换属实,请先 forget",
                f"Another box is known as {key.name}: {known.key.line}. If its key was changed "
                "rightfully, forget it first",
            )
        if known is None:
            own.boxes[key.name] = Known(key, b"")
            save(path, own)
    return f"已登记 {key.name}。\nKnows {key.name}."


def forget(path: Path, name: str) -> str:
    """Forget a box, and how far its log had come."""
    with alone(path):
        own = load(path)
        if own.boxes.pop(name, None) is None:
            raise Refused(f"不认识 {name}", f"{name} is not known")
        save(path, own)
    return f"已忘记 {name}。\nForgot {name}."


def show(path: Path) -> str:
    """The witness's key, and what it knows."""
    own = load(path)
    lines = [f"见证公钥 witness key  {own.key.line}"]
    lines += [f"{name}  {known.head().size}" for name, known in sorted(own.boxes.items())]
    return "\n".join(lines)


def cosign(path: Path, stick: Path, clock: Callable[[], float]) -> str:
    """Cosign what the boxes on a stick offer; each is judged by itself, and the worst is told last."""
    told: list[str] = []
    wrong: list[Refused] = []
    for folder in folders_of(stick):
        try:
            with alone(path):
                told.append(cosign_box(path, folder, int(clock())))
        except Refused as error:
            wrong.append(error)
        except OSError:
            wrong.append(Unreadable(f"读不到 {folder}", f"{folder} cannot be read"))
    if wrong:
        if told:
            sys.stdout.write("\n".join(told) + "\n")
        for other in wrong[1:]:
            sys.stderr.write(f"{other}\n")
        raise wrong[0]
    return "\n".join(told) or "没有见证请求。\nNothing was offered."


def cosign_box(path: Path, folder: Path, now: int) -> str:
    """Cosign the newest checkpoint that a box offers, if its log has merely grown."""
    own = load(path)
    offers = list(offers_in(folder))
    if not offers:
        return f"{folder.name}:没有见证请求。\n{folder.name}: nothing was offered."
    name = origin_of(offers[0].note)
    known = own.boxes.get(name)
    if known is None:
        raise Refused(
            f"不认识设备 {name}:请与其屏幕核对公钥后运行 trust 公钥",
            f"The box {name} is not known: compare its key with its own screen, then run: trust KEY",
        )
    past = known.head()
    seen = largest_cosigned(folder, known.key, own.key)
    if seen.size > past.size:
        raise Refused(
            f"本见证方已为 {name} 签到 {seen.size} 条,自己的记忆却只有 {past.size} 条:见证文件被换回旧版",
            f"This witness has cosigned {seen.size} entries of {name} and remembers {past.size}: its "
            "own file is an older copy",
        )
    heads = [parse_checkpoint(offer.note, known.key) for offer in offers]
    refuse_fork(name, past, heads)
    chosen = next((pair for pair in zip(offers, heads) if pair[0].old == past.size), None)  # noqa: B905  # 3.8
    if heads[0].size > past.size:
        if chosen is None or chosen[1].size <= past.size:
            raise behind(own, known, folder, past)
        note = accept(own, name, past, chosen, now)
        save(path, own)
        laid = lay_down(folder, chosen[1].size, own.key, note)
        return f"{name}:已见证 {chosen[1].size} 条({laid})。\n{name}: cosigned {chosen[1].size} entries ({laid})."
    laid = lay_down(folder, past.size, own.key, known.note)
    return f"{name}:没有新内容,共 {past.size} 条。\n{name}: nothing new after {past.size} entries ({laid})."


def refuse_fork(name: str, past: Head, heads: list[Head]) -> None:
    """Refuse a log that is shorter than it was, or another one of the same size."""
    if heads[0].size < past.size:
        raise Refused(
            f"{name} 的日志被回退(或这是一支旧 U 盘):曾见证 {past.size} 条,现在只有 {heads[0].size} 条",
            f"The log of {name} was rolled back, or this is an old stick: {past.size} entries were "
            f"cosigned, and now there are {heads[0].size}",
        )
    if any(head.size == past.size and head.root != past.root for head in heads):
        raise forked(name, past)


def accept(own: Own, name: str, past: Head, chosen: tuple[Offered, Head], now: int) -> bytes:
    """Judge an offer that begins where the witness stands; the cosigned note, remembered in `own`."""
    offer, head = chosen
    if not grew(past, head, offer.proof):
        raise forked(name, past)
    known = own.boxes[name]
    note = own.cosign(offer.note, now)
    own.boxes[name] = Known(known.key, note)
    return note


def behind(own: Own, known: Known, folder: Path, past: Head) -> Refused:
    """The box does not know how far this witness has come: tell it by what was cosigned last."""
    name = known.key.name
    if known.note:
        lay_down(folder, past.size, own.key, known.note)
    return Refused(
        f"{name}:请求不是从第 {past.size} 条开始,未见证;已放回上次的见证,请在设备上 take 后再次 offer",
        f"{name}: no offer begins at {past.size} entries, so nothing was cosigned; what was cosigned "
        "last lies on the stick: take it on the box, and offer again",
    )


def forked(name: str, past: Head) -> Refused:
    """The refusal for a log that is no continuation of what was cosigned."""
    return Refused(
        f"{name} 的日志不是从已见证的 {past.size} 条延续而来:历史被改写,或有两份日志。请保留 U 盘并通知审计员",
        f"The log of {name} does not continue the {past.size} entries that were cosigned: its history was "
        "rewritten, or there are two logs. Keep the stick and tell the auditor",
    )


def main(arguments: list[str], clock: Callable[[], float] = time.time) -> int:
    """Run; the exit status."""
    parser = argparse.ArgumentParser(description="见证 WardBox 的审计日志。 Witness WardBox logs.")
    # Unlike Path.home(), this does not fail where there is no home.
    default = Path(os.path.expanduser("~/.wardbox-witness.json"))  # noqa: PTH111
    parser.add_argument("--key", type=Path, default=default, help="见证文件 the witness's own file")
    what = parser.add_subparsers(dest="what", required=True)
    init = what.add_parser("init", help="生成见证密钥 make a witness's key")
    init.add_argument("--name", required=True, help="见证方名称 what to call it")
    known = what.add_parser("trust", help="登记设备公钥 get to know a box by its key")
    known.add_argument("vkey", help="设备公钥(box.vkey) the box's key")
    what.add_parser("forget", help="忘记设备 forget a box").add_argument("origin")
    what.add_parser("show", help="公钥与进度 the key, and how far each log had come")
    sign = what.add_parser("cosign", help="见证 U 盘上的检查点 cosign what a stick offers")
    sign.add_argument("stick", type=Path, help="U 盘目录 where the stick is mounted")
    options = parser.parse_args(arguments)
    jobs = {
        "init": lambda: f"见证公钥 witness key  {make_own(options.key, options.name).key.line}",
        "trust": lambda: trust(options.key, options.vkey),
        "forget": lambda: forget(options.key, options.origin),
        "show": lambda: show(options.key),
        "cosign": lambda: cosign(options.key, options.stick, clock),
    }
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        sys.stdout.write(jobs[options.what]() + "\n")
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
