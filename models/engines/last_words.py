"""What engines write before they give up, most telling first, each with a code and a way out."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of last words.

    Attributes:
        code: Stable short name of the failure.
        pattern: Finds it in a line.
        zh: What happened, in Chinese.
        en: What happened, in English.
        way_out_zh: What to do, in Chinese.
        way_out_en: What to do, in English.
    """

    code: str
    pattern: re.Pattern[str]
    zh: str
    en: str
    way_out_zh: str
    way_out_en: str

    @property
    def mark(self) -> str:
        """What stands for them in a line whose text may not be kept."""
        return f"<{self.code}>"

    def within(self, line: str) -> bool:
        """Whether a line holds them or their mark."""
        return self.mark in line or bool(self.pattern.search(line))


def _words(code: str, pattern: str, said: tuple[str, str], way_out: tuple[str, str]) -> Words:
    return Words(code, re.compile(pattern, re.IGNORECASE), *said, *way_out)


_SMALLER: Final = (
    "请减小上下文或并发数,增加显卡数,或换用量化模型。",
    "Reduce context or slots, use more cards, or a quantised model.",
)
_REINSTALL: Final = ("请重新运行 ./install.sh。", "Run ./install.sh again.")
_DRIVER: Final = (
    "请检查驱动与板卡:wardbox firmware check。",
    "Check driver and cards: wardbox firmware check.",
)

WORDS: Final = (
    # vLLM: v1/core/kv_cache_utils.py.
    _words(
        "cache-too-small",
        r"No available memory for the cache blocks|To serve at least one request with",
        ("显存放下权重后,已无空间放键值缓存", "no memory is left for the cache of keys and values"),
        _SMALLER,
    ),
    # vLLM: v1/worker/utils.py, at start, when others hold the card's memory.
    _words(
        "card-occupied",
        r"is less than desired GPU memory utilization",
        ("显卡上的空闲显存少于计划", "the card has less free memory than was planned"),
        (
            "请停止占用该卡的其他程序(nvidia-smi 可查看)。",
            "Stop what else uses the card (nvidia-smi shows it).",
        ),
    ),
    # PyTorch and llama.cpp on CUDA, ROCm and MUSA; torch_npu and CANN on Ascend (207001 and
    # EL0004 are "out of memory" in the table of ACL return codes and of CANN error codes).
    _words(
        "device-memory",
        r"(CUDA|HIP|ROCm|MUSA|NPU|MLU|XPU)[^\n]{0,40} out of memory|OutOfMemoryError"
        r"|(cuda|hip|musa)Malloc failed|unable to allocate (CUDA|ROCm|MUSA|CANN)\d* buffer"
        r"|EL0004|\b207001\b|aclrtMalloc[^\n]{0,40}fail",
        ("加速卡显存不足", "the accelerator ran out of memory"),
        _SMALLER,
    ),
    _words(
        "host-memory",
        r"out of memory|failed to allocate|bad_alloc|Cannot allocate memory|MemoryError"
        r"|DefaultCPUAllocator: (can't|not enough)",
        ("内存不足", "it ran out of memory"),
        _SMALLER,
    ),
    _words(
        "disk-full",
        r"No space left on device",
        ("磁盘已满", "the disk is full"),
        ("请清理磁盘后重试。", "Make room on the disk."),
    ),
    _words(
        "architecture",
        r"unknown model architecture|Model architectures? .{0,80}(not supported|failed to be)"
        r"|does not recognize this architecture",
        ("引擎不认识该模型结构", "the engine does not know this architecture"),
        (
            "请换用支持该结构的引擎或更新软件。",
            "Use an engine that knows it, or update the software.",
        ),
    ),
    _words(
        "address-taken",
        r"couldn't bind|address already in use|bind.*failed",
        ("监听地址被占用", "its address is taken"),
        ("请停止占用该地址的程序。", "Stop the program that uses it."),
    ),
    _words(
        "collective",
        r"(NCCL|HCCL|RCCL) (error|WARN)|ncclSystemError|ncclUnhandledCudaError|EI000\d|ERR02\d{3}",
        ("多卡通信失败", "the cards could not talk to each other"),
        (
            "请检查卡间互联与驱动;wardbox firmware check 可查看。",
            "Check the interconnect and the driver: wardbox firmware check.",
        ),
    ),
    _words(
        "no-accelerator",
        r"no usable GPU|no CUDA-capable|CUDA driver version|CUDA error|No CUDA GPUs are available"
        r"|invalid device|Failed to infer device type|\b507899\b|ERR99999",
        ("加速卡不可用", "the accelerator is not usable"),
        _DRIVER,
    ),
    _words(
        "library",
        r"error while loading shared libraries|cannot open shared object file",
        ("缺少引擎的动态库", "a shared library of the engine is missing"),
        _REINSTALL,
    ),
    _words(
        "package",
        r"ModuleNotFoundError|No module named",
        ("引擎环境不完整", "the engine's environment is incomplete"),
        ("请重新运行 wardbox engine install。", "Run wardbox engine install again."),
    ),
    _words(
        "model-missing",
        r"No such file or directory|failed to open (GGUF|model)|model file.*not found",
        ("找不到模型文件", "the model file is missing"),
        ("请用 wardbox model verify 检查模型。", "Check it with wardbox model verify."),
    ),
    _words(
        "argument",
        r"invalid argument|unrecognized arguments|unknown argument|invalid choice",
        ("引擎不认识启动参数", "the engine does not know an argument"),
        (
            "引擎版本与软件不符,请重新安装引擎。",
            "The engine's version does not fit: install it again.",
        ),
    ),
    _words(
        "model-broken",
        r"failed to load model|error loading model|invalid magic|SafetensorError",
        ("模型加载失败", "the model could not be loaded"),
        ("请用 wardbox model verify 检查模型。", "Check it with wardbox model verify."),
    ),
    # vLLM: the server ends in order after one of its processes has died; the least telling.
    _words(
        "worker-died",
        r"EngineDeadError|Engine core initialization failed|died unexpectedly",
        ("引擎的工作进程意外结束", "a process of the engine ended unexpectedly"),
        ("请查看引擎日志;引擎会自动重启。", "See the engine's log; it restarts by itself."),
    ),
)
