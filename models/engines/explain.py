"""Why an engine ended: its exit status and last words, turned into a code and a sentence."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.card import Bilingual
from models.engines.last_words import WORDS, Words


@dataclass(frozen=True, slots=True)
class Failure(Bilingual):
    """Why an engine is not ready.

    Attributes:
        code: Stable short name, for example "device-memory".
        way_out: What to do about it.
    """

    code: str
    way_out: Bilingual


_LOG: Final = Bilingual("请查看引擎日志。", "See the engine's log.")
_REPORT: Final = Bilingual(
    "请重新校验模型;若反复出现,请联系供应商。",
    "Verify the model again; if it happens again, tell the vendor.",
)
_SIGNALS: Final = {
    signal.SIGSEGV: Failure(
        "引擎崩溃(段错误)", "it crashed (segmentation fault)", "crashed", _REPORT
    ),
    signal.SIGABRT: Failure("引擎自行中止", "it aborted", "aborted", _REPORT),
    signal.SIGILL: Failure(
        "本机处理器不支持引擎所用指令",
        "this processor lacks its instructions",
        "processor",
        Bilingual("请在本机重新构建引擎。", "Build the engine on this machine."),
    ),
    signal.SIGBUS: Failure(
        "模型文件被截断或磁盘出错",
        "the model file was cut or the disk failed",
        "model-broken",
        Bilingual("请检查磁盘并重新校验模型。", "Check the disk and verify the model again."),
    ),
    signal.SIGKILL: Failure("被强制终止(SIGKILL)", "it was killed (SIGKILL)", "killed", _LOG),
    signal.SIGTERM: Failure("收到终止信号", "it was told to end", "told-to-end", _LOG),
}
HOST_MEMORY: Final = Failure(
    "系统内存不足,引擎被内核终止",
    "the kernel killed it for lack of memory",
    "host-memory",
    Bilingual(
        "请减小上下文或并发数,卸载其他模型,或增加内存。",
        "Reduce context or slots, unload other models, or add memory.",
    ),
)
HUNG: Final = Failure(
    "引擎卡住:有请求在处理,但长时间没有产出",
    "it hung: it had work and produced nothing for too long",
    "hung",
    Bilingual("引擎会自动重启;请重试请求。", "It restarts by itself; send the request again."),
)
SICK: Final = Failure("健康检查连续失败", "health checks failed in a row", "unhealthy", _LOG)
NOT_LOADED: Final = Failure(
    "加载超时",
    "loading took too long",
    "slow-load",
    Bilingual("请检查磁盘速度与引擎日志。", "Check the disk's speed and the engine's log."),
)
UNANSWERED: Final = Failure(
    "外部引擎没有应答",
    "the external engine does not answer",
    "unanswered",
    Bilingual("请启动该引擎,或检查声明中的地址。", "Start it, or check the declared address."),
)
UNSTARTED: Final = "unstarted"
"""Code of a failure before the program ran: its model, program or directory is missing."""


def explain_exit(code: int, tail: Sequence[str], *, oom_killed: bool = False) -> Failure:
    """Says why a process ended.

    An engine with workers ends in order when the kernel has killed one of them, so a kill for
    memory is believed with any status that is not a success.

    Args:
        code: Exit status, negative for a signal.
        tail: Its last lines.
        oom_killed: Whether the kernel killed a process for memory while it ran.
    """
    if oom_killed and code in {-signal.SIGKILL, 128 + signal.SIGKILL}:
        return HOST_MEMORY
    if code < 0:
        return _by_signal(-code)
    words = telling(tail)
    if oom_killed and code and (words is None or words.code == "worker-died"):
        return HOST_MEMORY
    if words is None:
        return Failure(
            f"引擎退出,退出码 {code}", f"it ended with exit status {code}", "ended", _LOG
        )
    zh, en = f"{words.zh}(退出码 {code})", f"{words.en} (exit {code})"
    return Failure(zh, en, words.code, Bilingual(words.way_out_zh, words.way_out_en))


def telling(tail: Sequence[str]) -> Words | None:
    """The most telling of the known last words, or None."""
    for words in WORDS:
        if any(words.within(line) for line in tail):
            return words
    return None


def unstarted(zh: str, en: str) -> Failure:
    """A failure before the program ran, in the words of the refusal."""
    return Failure(zh, en, UNSTARTED, _LOG)


def _by_signal(number: int) -> Failure:
    try:
        known = signal.Signals(number)
    except ValueError:
        return Failure(
            f"被信号 {number} 终止", f"it was ended by signal {number}", "signalled", _LOG
        )
    found = _SIGNALS.get(known)
    if found is not None:
        return found
    return Failure(f"被 {known.name} 终止", f"it was ended by {known.name}", "signalled", _LOG)
