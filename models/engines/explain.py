"""Why an engine ended: its exit status and last words, turned into a sentence."""

import re
import signal
from collections.abc import Sequence
from typing import Final

from models.card import Bilingual

# What llama-server and vLLM write before they give up, most telling first.
_WORDS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), zh, en)
    for pattern, zh, en in (
        (
            r"out of memory|cudaMalloc failed|failed to allocate|bad_alloc|OutOfMemory",
            "内存或显存不足",
            "it ran out of memory",
        ),
        (
            r"unknown model architecture",
            "引擎不认识该模型结构",
            "the engine does not know this architecture",
        ),
        (
            r"couldn't bind|address already in use|bind.*failed",
            "监听地址被占用",
            "its address is taken",
        ),
        (
            r"no usable GPU|no CUDA-capable|CUDA driver version|CUDA error",
            "加速卡不可用",
            "the accelerator is not usable",
        ),
        (
            r"error while loading shared libraries",
            "缺少引擎的动态库",
            "a shared library of the engine is missing",
        ),
        (
            r"No such file or directory|failed to open (GGUF|model)|model file.*not found",
            "找不到模型文件",
            "the model file is missing",
        ),
        (
            r"invalid argument|unrecognized arguments|unknown argument",
            "引擎不认识启动参数",
            "the engine does not know an argument",
        ),
        (
            r"failed to load model|error loading model|invalid magic",
            "模型加载失败",
            "the model could not be loaded",
        ),
    )
)
_SIGNALS: Final = {
    signal.SIGSEGV: ("引擎崩溃(段错误)", "it crashed (segmentation fault)"),
    signal.SIGABRT: ("引擎自行中止", "it aborted"),
    signal.SIGILL: ("本机处理器不支持引擎所用指令", "this processor lacks its instructions"),
    signal.SIGBUS: ("模型文件被截断或磁盘出错", "the model file was cut or the disk failed"),
    signal.SIGKILL: ("被强制终止(SIGKILL)", "it was killed (SIGKILL)"),
    signal.SIGTERM: ("收到终止信号", "it was told to end"),
}


def explain_exit(code: int, tail: Sequence[str], *, oom_killed: bool = False) -> Bilingual:
    """Says why a process ended.

    Args:
        code: Exit status, negative for a signal.
        tail: Its last lines.
        oom_killed: Whether the kernel killed a process for memory while it ran.
    """
    if oom_killed and code == -signal.SIGKILL:
        return Bilingual("系统内存不足,引擎被内核终止", "the kernel killed it for lack of memory")
    if code < 0:
        zh, en = _signal_words(-code)
        return Bilingual(zh, en)
    for pattern, zh, en in _WORDS:
        if any(pattern.search(line) for line in tail):
            return Bilingual(f"{zh}(退出码 {code})", f"{en} (exit {code})")
    return Bilingual(f"引擎退出,退出码 {code}", f"it ended with exit status {code}")


def _signal_words(number: int) -> tuple[str, str]:
    try:
        known = signal.Signals(number)
    except ValueError:
        return (f"被信号 {number} 终止", f"it was ended by signal {number}")
    return _SIGNALS.get(known, (f"被 {known.name} 终止", f"it was ended by {known.name}"))
