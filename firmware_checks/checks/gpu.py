"""Checks of NVIDIA GPUs: driver, error correction, memory health, VBIOS, confidential mode."""

from collections.abc import Callable
from typing import Final

from firmware_checks.check import (
    Check,
    Evidence,
    Impact,
    Text,
    Verdict,
    could_not_read,
    failed,
    not_applicable,
    passed,
)
from firmware_checks.facts import Facts, GpuBoxFacts, GpuFacts, Reading, Reason, Unread
from firmware_checks.reading import first_unread

Judge = Callable[[GpuBoxFacts, tuple[GpuFacts, ...]], Verdict]
# NVIDIA A100 and later: sixty-four retired pages or a failed remap ask for a replacement.
_RETIRED_LIMIT: Final = 60


def with_gpus(facts: Facts, judge: Judge) -> Verdict:
    """`judge` on the GPUs; without one not applicable, and unread ones are never a pass."""
    box = facts.gpu
    if isinstance(box, Unread):
        return could_not_read(box)
    if box.on_bus == ():
        seen = Evidence.of("/sys/bus/pci/devices", "no NVIDIA GPU")
        return not_applicable("没有 NVIDIA GPU。", "There is no NVIDIA GPU.", seen)
    if isinstance(box.gpus, Unread):
        return could_not_read(box.gpus)
    if not box.gpus:
        nothing = Unread(Reason.ABSENT, "NVML", "no GPU answers")
        return could_not_read(box.on_bus if isinstance(box.on_bus, Unread) else nothing)
    return judge(box, box.gpus)


def named(gpu: GpuFacts) -> str:
    """How a GPU is called in evidence: its model and, where it answers, its number."""
    return gpu.name if isinstance(gpu.uuid, Unread) else f"{gpu.name} {gpu.uuid}"


def driver(facts: Facts) -> Verdict:
    """The driver answers, for every GPU that stands on the bus."""
    return with_gpus(facts, _driver)


def _driver(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    if isinstance(box.driver, Unread):
        return could_not_read(box.driver)
    seen = [Evidence.of("NVML driver", box.driver), Evidence.of("NVML GPUs", len(gpus))]
    lost = [gpu for gpu in gpus if isinstance(gpu.uuid, Unread)]
    if lost:
        return failed("有 GPU 不应答。", "A GPU does not answer.", *seen)
    if isinstance(box.on_bus, Unread):
        return could_not_read(box.on_bus)
    if len(gpus) < len(box.on_bus):
        bus = Evidence.of("/sys/bus/pci/devices", ", ".join(box.on_bus))
        return failed("驱动未管理全部 GPU。", "The driver does not run every GPU.", *seen, bus)
    return passed(f"驱动 {box.driver} 正常。", f"Driver {box.driver} answers.", *seen)


def ecc(facts: Facts) -> Verdict:
    """Error correction is on and has met nothing it could not correct."""
    return with_gpus(facts, _ecc)


def _ecc(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    off = [gpu for gpu in gpus if gpu.ecc_on is False or _unsupported(gpu.ecc_on)]
    if off:
        seen = [Evidence.of(named(gpu), "ECC off or not supported") for gpu in off]
        return failed("GPU 未开启 ECC。", "ECC is off on a GPU.", *seen)
    sick = [gpu for gpu in gpus if isinstance(gpu.ecc_uncorrected, int) and gpu.ecc_uncorrected]
    if sick:
        seen = [Evidence.of(named(gpu), f"{gpu.ecc_uncorrected} uncorrected") for gpu in sick]
        return failed("GPU 有无法纠正的错误。", "A GPU has uncorrected errors.", *seen)
    unread = first_unread(*(value for gpu in gpus for value in (gpu.ecc_on, gpu.ecc_uncorrected)))
    if unread is not None:
        return could_not_read(unread)
    seen = [Evidence.of(named(gpu), "ECC on, 0 uncorrected") for gpu in gpus]
    return passed("ECC 已开启且无错误。", "ECC is on and clean.", *seen)


def _unsupported(found: Reading[object]) -> bool:
    return isinstance(found, Unread) and found.reason is Reason.UNSUPPORTED


def memory_health(facts: Facts) -> Verdict:
    """No GPU memory waits for repair or has run out of it."""
    return with_gpus(facts, _memory_health)


def _memory_health(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    sick = {named(gpu): trouble for gpu in gpus if (trouble := _trouble(gpu))}
    if sick:
        return failed(
            "GPU 显存需要修复。",
            "GPU memory needs repair.",
            *(Evidence.of(name, trouble) for name, trouble in sick.items()),
        )
    for gpu in gpus:
        # A GPU retires pages (before A100) or remaps rows (A100 and later): one of them must tell.
        rows = first_unread(gpu.remap_pending, gpu.remap_failed)
        pages = first_unread(gpu.retired_pages, gpu.retirement_pending)
        if rows is not None and pages is not None:
            return could_not_read(rows)
    seen = [Evidence.of(named(gpu), "nothing pending, nothing failed") for gpu in gpus]
    return passed("GPU 显存健康。", "GPU memory is healthy.", *seen)


def _trouble(gpu: GpuFacts) -> str:
    troubles = []
    if gpu.remap_failed is True:
        troubles.append("row remap failed")
    if gpu.remap_pending is True:
        troubles.append("row remap pending")
    if gpu.retirement_pending is True:
        troubles.append("page retirement pending")
    if isinstance(gpu.retired_pages, int) and gpu.retired_pages >= _RETIRED_LIMIT:
        troubles.append(f"{gpu.retired_pages} retired pages")
    return ", ".join(troubles)


def vbios(facts: Facts) -> Verdict:
    """The VBIOS version is readable, and GPUs of one model run the same."""
    return with_gpus(facts, _vbios)


def _vbios(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    versions: dict[str, set[str]] = {}
    for gpu in gpus:
        if isinstance(gpu.vbios, Unread):
            return could_not_read(gpu.vbios)
        versions.setdefault(gpu.name, set()).add(gpu.vbios)
    seen = [Evidence.of(name, ", ".join(sorted(found))) for name, found in versions.items()]
    if any(len(found) > 1 for found in versions.values()):
        return failed("同型号 GPU 的 VBIOS 不一致。", "GPUs of one model differ in VBIOS.", *seen)
    return passed("VBIOS 版本一致。", "The VBIOS versions agree.", *seen)


def confidential(facts: Facts) -> Verdict:
    """Where the GPUs can compute confidentially, they do."""
    return with_gpus(facts, _confidential)


def _confidential(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    able, on = box.confidential_capable, box.confidential_on
    seen = Evidence.of("NVML confidential computing", f"{len(gpus)} GPUs")
    if on is True:
        return passed("GPU 机密计算已开启。", "Confidential computing is on.", seen)
    if able is False:
        return not_applicable(
            "GPU 不具备机密计算能力。",
            "The GPUs cannot compute confidentially.",
            seen,
        )
    if isinstance(able, Unread):
        return could_not_read(able)
    if isinstance(on, Unread):
        return could_not_read(on)
    return failed("GPU 机密计算未开启。", "Confidential computing is off.", seen)


CHECKS: Final = (
    Check(
        "gpu.driver",
        1,
        Impact.HIGH,
        Text(
            "GPU 驱动应答",
            "模型无法在 GPU 上运行。",
            "查看 dmesg 中的 Xid 错误;重装驱动或检查插槽与供电。",
        ),
        Text(
            "GPU driver answers",
            "Models cannot run on the GPU.",
            "Look for Xid errors in dmesg; install the driver anew, or check slot and power.",
        ),
        ("NVML API reference",),
        driver,
    ),
    Check(
        "gpu.ecc",
        2,
        Impact.HIGH,
        Text(
            "GPU ECC 开启且无错误",
            "显存错误会悄悄改变模型的回答。",
            "执行 nvidia-smi -e 1 并重启;仍有错误则更换 GPU。",
        ),
        Text(
            "GPU ECC on and clean",
            "Memory errors change the answers of a model unseen.",
            "Run nvidia-smi -e 1 and restart; replace the GPU if errors come back.",
        ),
        ("NVIDIA GPU Memory Error Management",),
        ecc,
    ),
    Check(
        "gpu.memory-health",
        2,
        Impact.HIGH,
        Text("GPU 显存健康", "显存即将失效,任务会中断。", "重启以完成修复;修复失败则更换 GPU。"),
        Text(
            "GPU memory healthy",
            "GPU memory is about to fail and will break jobs.",
            "Restart to let the repair happen; replace the GPU if it fails.",
        ),
        ("NVIDIA GPU Memory Error Management",),
        memory_health,
    ),
    Check(
        "gpu.vbios",
        3,
        Impact.MEDIUM,
        Text("GPU VBIOS 可读且一致", "有 GPU 的固件来历不明。", "用厂商工具统一 VBIOS 版本。"),
        Text(
            "GPU VBIOS readable and consistent",
            "A GPU runs firmware of unknown origin.",
            "Bring all GPUs to one VBIOS version with the maker's tool.",
        ),
        ("NVML API reference", "NIST SP 800-193"),
        vbios,
    ),
    Check(
        "gpu.confidential",
        4,
        Impact.LOW,
        Text("GPU 机密计算开启", "总线上的数据未加密。", "按厂商指南开启机密计算模式。"),
        Text(
            "GPU computes confidentially",
            "Data on the bus is not encrypted.",
            "Switch on confidential computing as the maker's guide says.",
        ),
        ("NVIDIA Confidential Computing deployment guide",),
        confidential,
    ),
)
