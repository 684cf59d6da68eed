"""Checks of how worn, hot and well connected GPUs are, and of what they attest."""

from typing import Final

from firmware_checks.attestation.evidence import Attested, GpuEvidence, Rejected, differing
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
    undecided,
)
from firmware_checks.checks.gpu import named, with_gpus
from firmware_checks.facts import Facts, GpuBoxFacts, GpuFacts, Reason, Unread
from firmware_checks.reading import first_unread

# nvml.h, nvmlClocksEventReasons: what slows a GPU down for its own safety. A power cap or idling
# is everyday.
_SLOWDOWNS: Final = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
_MARGIN: Final = 5


def spare_rows(facts: Facts) -> Verdict:
    """Every bank of GPU memory has a spare row left for the next cell that fails."""
    return with_gpus(facts, _spare_rows)


def _spare_rows(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    worn = [gpu for gpu in gpus if isinstance(gpu.exhausted_banks, int) and gpu.exhausted_banks]
    if worn:
        seen = [Evidence.of(named(gpu), f"{gpu.exhausted_banks} banks exhausted") for gpu in worn]
        return failed("GPU 显存的备用行已用尽。", "GPU memory has no spare rows left.", *seen)
    unread = [gpu.exhausted_banks for gpu in gpus if isinstance(gpu.exhausted_banks, Unread)]
    if any(found.reason is not Reason.UNSUPPORTED for found in unread):
        return could_not_read(unread[0])
    if unread:
        seen_one = Evidence.of("NVML", "row remapping is not supported")
        return not_applicable(
            "此型号 GPU 没有备用行。", "GPUs of this model have no spare rows.", seen_one
        )
    seen = [Evidence.of(named(gpu), "spare rows in every bank") for gpu in gpus]
    return passed("每组显存都有备用行。", "Every bank has spare rows.", *seen)


def not_slowed(facts: Facts) -> Verdict:
    """No GPU slows itself down because of heat or its power supply."""
    return with_gpus(facts, _not_slowed)


def _not_slowed(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    slowed = {named(gpu): why for gpu in gpus if (why := _slowdown(gpu))}
    if slowed:
        return failed(
            "GPU 正在降频。",
            "A GPU is slowing itself down.",
            *(Evidence.of(name, why) for name, why in slowed.items()),
        )
    unread = first_unread(*(gpu.slowed for gpu in gpus))
    if unread is not None:
        return could_not_read(unread)
    seen = [Evidence.of(named(gpu), "not slowed down") for gpu in gpus]
    return passed("GPU 未降频。", "No GPU is slowed down.", *seen)


def _slowdown(gpu: GpuFacts) -> str:
    bits = gpu.slowed if isinstance(gpu.slowed, int) else 0
    return ", ".join(words for bit, words in _SLOWDOWNS.items() if bits & bit)


def temperature(facts: Facts) -> Verdict:
    """Every GPU is some degrees below where it would slow itself down."""
    return with_gpus(facts, _temperature)


def _temperature(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    unread = first_unread(*(value for gpu in gpus for value in (gpu.celsius, gpu.celsius_limit)))
    hot = [
        gpu
        for gpu in gpus
        if isinstance(gpu.celsius, int)
        and isinstance(gpu.celsius_limit, int)
        and gpu.celsius > gpu.celsius_limit - _MARGIN
    ]
    if hot:
        seen = [
            Evidence.of(named(gpu), f"{gpu.celsius} C, limit {gpu.celsius_limit} C", steady=False)
            for gpu in hot
        ]
        return failed("GPU 过热。", "A GPU is too hot.", *seen)
    if unread is not None:
        return could_not_read(unread)
    seen = [Evidence.of(named(gpu), f"{gpu.celsius} C", steady=False) for gpu in gpus]
    return passed("GPU 温度正常。", "The GPUs are cool enough.", *seen)


def link(facts: Facts) -> Verdict:
    """Every GPU uses all the lanes that it and its slot have."""
    return with_gpus(facts, _link)


def _link(box: GpuBoxFacts, gpus: tuple[GpuFacts, ...]) -> Verdict:
    del box
    unread = first_unread(*(value for gpu in gpus for value in (gpu.lanes, gpu.lanes_possible)))
    narrow = [
        gpu
        for gpu in gpus
        if isinstance(gpu.lanes, int)
        and isinstance(gpu.lanes_possible, int)
        and gpu.lanes < gpu.lanes_possible
    ]
    if narrow:
        seen = [Evidence.of(named(gpu), f"{gpu.lanes} of {gpu.lanes_possible}") for gpu in narrow]
        return failed("GPU 的 PCIe 通道变窄。", "A GPU has lost lanes of its bus.", *seen)
    if unread is not None:
        return could_not_read(unread)
    seen = [Evidence.of(named(gpu), f"{gpu.lanes} lanes") for gpu in gpus]
    return passed("PCIe 通道完整。", "Every GPU has all its lanes.", *seen)


def attestation(facts: Facts) -> Verdict:
    """Every GPU signs measurements that NVIDIA's manifests for its VBIOS and driver allow."""
    return with_gpus(facts, lambda box, _: _attestation(box, facts))


def _attestation(box: GpuBoxFacts, facts: Facts) -> Verdict:
    if box.confidential_on is False:
        seen = Evidence.of("NVML confidential computing", "off")
        return not_applicable(
            "机密计算未开启,GPU 不出具证明。",
            "Confidential computing is off: GPUs attest nothing.",
            seen,
        )
    if isinstance(box.confidential_on, Unread):
        return could_not_read(box.confidential_on)
    found = facts.gpu_evidence
    if isinstance(found, Unread):
        return could_not_read(found)
    rejected = {
        place: one.reason for place, one in found.reports.items() if isinstance(one, Rejected)
    }
    if rejected:
        return failed(
            "GPU 的证明不成立。",
            "The report of a GPU does not hold.",
            *(Evidence.of(f"GPU {place}", why) for place, why in rejected.items()),
        )
    unread = first_unread(*found.reports.values())
    if unread is not None:
        return could_not_read(unread)
    return _against_manifests(found)


def _against_manifests(found: GpuEvidence) -> Verdict:
    reports = {place: one for place, one in found.reports.items() if isinstance(one, Attested)}
    seen: list[Evidence] = [Evidence.of("manifest refused", why) for why in found.refused]
    lacking = not reports
    wrong = False
    for place, report in reports.items():
        for kind, version in (("VBIOS", report.vbios), ("driver", report.driver)):
            fitting = [one for one in found.manifests if one.version == version.lower()]
            source = f"GPU {place} {kind} {version}"
            if not fitting:
                lacking = True
                seen.append(Evidence.of(source, "no manifest for it is at hand"))
                continue
            least = min((differing(report, one) for one in fitting), key=len)
            wrong = wrong or bool(least)
            told = (
                f"measurements {', '.join(map(str, least))} differ" if least else "as in manifest"
            )
            seen.append(Evidence.of(source, f"{told} (signed until {fitting[0].signed_until})"))
    if wrong:
        return failed(
            "GPU 的度量与厂商清单不符。", "A GPU measures other than its maker says.", *seen
        )
    if lacking:
        return undecided(
            "缺少对应版本的厂商清单。",
            "A manifest of the maker is missing.",
            *(seen or [Evidence.of("NVML", "no report")]),
        )
    return passed("GPU 的度量与厂商清单一致。", "Every GPU measures as its maker says.", *seen)


CHECKS: Final = (
    Check(
        "gpu.spare-rows",
        2,
        Impact.HIGH,
        Text("GPU 显存有备用行", "下一个坏单元将无法修复,任务会中断。", "安排更换 GPU。"),
        Text(
            "GPU memory has spare rows",
            "The next cell that fails cannot be replaced and will break jobs.",
            "Plan to replace the GPU.",
        ),
        ("NVIDIA GPU Memory Error Management: row remapping",),
        spare_rows,
    ),
    Check(
        "gpu.not-slowed",
        2,
        Impact.MEDIUM,
        Text("GPU 未因故障降频", "模型回答变慢,训练超时。", "检查进风、风扇、供电线与机房温度。"),
        Text(
            "GPU not slowed by a fault",
            "Models answer slowly and training takes too long.",
            "Look at air flow, fans, power cables and the temperature of the room.",
        ),
        ("NVML API reference: clocks event reasons",),
        not_slowed,
    ),
    Check(
        "gpu.temperature",
        2,
        Impact.MEDIUM,
        Text("GPU 温度正常", "GPU 即将降频,寿命缩短。", "检查进风、风扇与机房温度。"),
        Text(
            "GPU temperature sound",
            "The GPU is about to slow down, and ages faster.",
            "Look at air flow, fans and the temperature of the room.",
        ),
        ("NVML API reference: temperature thresholds",),
        temperature,
    ),
    Check(
        "gpu.link",
        2,
        Impact.MEDIUM,
        Text("GPU 的 PCIe 通道完整", "装入模型与多卡训练变慢。", "重新插卡,检查转接卡与插槽。"),
        Text(
            "GPU has all its lanes",
            "Loading models and training on several GPUs slow down.",
            "Seat the card anew; look at riser and slot.",
        ),
        ("NVML API reference: PCIe link",),
        link,
    ),
    Check(
        "gpu.attested",
        4,
        Impact.HIGH,
        Text(
            "GPU 证明与厂商清单一致",
            "GPU 上运行的固件可能被换过。",
            "安装对应 VBIOS 与驱动的 RIM 清单;不符时停用该 GPU 并联系厂商。",
        ),
        Text(
            "GPU attests what its maker shipped",
            "The firmware on the GPU may have been exchanged.",
            "Install the manifests for its VBIOS and driver; if it differs still, take the GPU out"
            " of use and ask the maker.",
        ),
        ("DMTF DSP0274 (SPDM)", "NVIDIA RIM", "TCG RIM Information Model"),
        attestation,
    ),
)
