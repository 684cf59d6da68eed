"""What the doctor says about keys: the suite, and how the running box holds them in memory."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.client.session import Session
from appliance.settings.layout import StateLayout
from appliance.vault.doctor import Finding
from secure_compute.suites import CHINESE, SUITES

if TYPE_CHECKING:
    from appliance.contract.vault_keys import KeyList

_PATIENCE_S: Final = 10.0


def ask_keys(layout: StateLayout) -> tuple[Finding, ...]:
    """Ask the running box about its keys; one that is locked or does not run holds none."""
    try:
        seen = asyncio.run(_ask(layout))
    except ProblemError as error:
        if error.code == "vault.locked":
            zh = "保险库已锁定:内存中没有密钥。"
            return (Finding("memory", "ok", zh, "The vault is locked: no keys are in memory."),)
        return (Finding("memory", "warning", error.detail, error.way_out),)
    except (BoxUnreachable, TimeoutError):
        zh = "服务没有应答:内存中的密钥未能查看。若服务已停止,内存中没有密钥。"
        en = "No box answers: how it holds keys could not be seen. A box that does not run holds none."
        return (Finding("memory", "ok", zh, en),)
    return tuple(findings(seen))


async def _ask(layout: StateLayout) -> "KeyList":
    async with asyncio.timeout(_PATIENCE_S), Session.local(layout.socket) as session:
        return await session.slots.keys.list()


def findings(seen: "KeyList") -> Iterator[Finding]:
    """What is well and what is not, with a way out."""
    yield from _suite(seen)
    if seen.memory.locked:
        zh = "密钥所在内存已锁定,不会被换出。"
        yield Finding("memory", "ok", zh, "The memory that holds keys is locked and never swapped.")
    else:
        yield Finding(
            "memory",
            "warning",
            "部分密钥内存未能锁定,可能被换出:在服务单元中提高 LimitMEMLOCK(如 64M),再启动服务。",
            "Part of the memory that holds keys is not locked and may be swapped: raise LimitMEMLOCK of "
            "the service (64M, say) and start it again.",
        )
    if seen.memory.dumpable:
        yield Finding(
            "dumps",
            "bad",
            "持有密钥的进程可被转储或读取:请用 wardbox supervise 重新启动服务。",
            "The process that holds the keys can be dumped or read: start the service again by wardbox "
            "supervise.",
        )
    else:
        zh = "持有密钥的进程不留内存转储,同一用户的程序也读不到它。"
        en = "The process that holds the keys leaves no core dump, nor can programs of its user read it."
        yield Finding("dumps", "ok", zh, en)


def _suite(seen: "KeyList") -> Iterator[Finding]:
    suite = SUITES[seen.suite]
    by = f";{seen.module}" if suite is CHINESE else ""
    zh, en = f"{suite.zh}{by}。", f"{suite.en}{by.replace(';', '; ')}."
    others = sorted({key.use for key in seen.keys if key.algorithm != suite.aead})
    yield Finding("suite", "ok", zh, en[0].upper() + en[1:])
    if others:
        names = ", ".join(others)
        yield Finding(
            "suite",
            "warning",
            f"这些密钥仍以另一套件封装:{names}。请运行 wardbox vault rotate。",
            f"These keys are still wrapped by the other suite: {names}. Run wardbox vault rotate.",
        )
