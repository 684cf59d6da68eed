"""What fits and how fast: memory, slots and decode speed, from a model's shape and the hardware."""

from dataclasses import dataclass
from typing import Final, Literal

from models.card import Bilingual
from models.formats.summary import ModelSummary
from models.hardware.facts import Accelerator, Hardware

Device = Literal["auto", "cpu", "gpu"]

# Work buffers of an engine (activations, logits, CUDA context): measured 0.3-1 GiB on a card.
_OVERHEAD_GPU: Final = 1 << 30
_OVERHEAD_CPU: Final = 128 << 20
# Of free memory this share may be planned with; the rest is for fragments and peaks.
_USABLE: Final = 0.92
# Decode reaches about this share of the memory bandwidth.
_EFFICIENCY: Final = 0.6
# Two channels of DDR4-3200 with other work beside: what a small server really gives.
_CPU_BANDWIDTH: Final = 20_000_000_000
_DEFAULT_CONTEXT: Final = 4096
_MOST_SLOTS: Final = 64
_DEFAULT_CPU_SLOTS: Final = 4
_DEFAULT_GPU_SLOTS: Final = 16


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a model; None leaves the choice to the plan.

    Attributes:
        context: Tokens per slot.
        slots: Requests at once.
        device: "gpu" insists on accelerators, "cpu" forbids them, "auto" takes them if they fit.
        kv_bytes: Bytes of one number in the cache of keys and values (2 for f16).
    """

    context: int | None = None
    slots: int | None = None
    device: Device = "auto"
    kv_bytes: float = 2.0


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """The answer, with the numbers it rests on; all sizes in bytes.

    Attributes:
        fits: Whether it fits.
        device: "cpu" or "gpu".
        weights_bytes: Weights.
        kv_bytes_per_token: Cache per token.
        kv_bytes: Cache of all slots.
        total_bytes: Weights, cache and work buffers.
        free_bytes: Memory planned against.
        context: Tokens per slot.
        slots: Requests at once.
        decode_tokens_s: Estimated tokens a second of one stream.
        cards: Indices of the cards used; none on the CPU.
        vendor: Vendor of the cards, "" on the CPU.
        sentence: All of it as a sentence.
    """

    fits: bool
    device: Literal["cpu", "gpu"]
    weights_bytes: int
    kv_bytes_per_token: int
    kv_bytes: int
    total_bytes: int
    free_bytes: int
    context: int
    slots: int
    decode_tokens_s: float
    cards: tuple[int, ...]
    vendor: str
    sentence: Bilingual


def kv_bytes_per_token(model: ModelSummary, number_bytes: float = 2.0) -> int:
    """Cache per token: 2 (keys and values) x layers x heads x width of a head x bytes."""
    return round(2 * model.layers * model.kv_heads * model.head_dim * number_bytes)


def plan(model: ModelSummary, hardware: Hardware, wish: Wish) -> CapacityPlan:
    """Plans one model on one machine.

    Cards of one vendor are added until the model fits, in powers of two as tensor parallelism
    wants them. Without a wish for slots, as many as fit are taken, up to a usual number.

    Args:
        model: Shape of the model.
        hardware: Facts about the machine; free memory is what counts.
        wish: Limits of the caller.

    Returns:
        A plan; `fits` is False when it does not, and the sentence says what is lacking.
    """
    if wish.device != "cpu":
        for cards in _groups(hardware.accelerators):
            free = sum(card.memory_free_bytes for card in cards)
            made = _fill(model, wish, _Room("gpu", free, _bandwidth(cards), cards))
            if made.fits:
                return made
        if wish.device == "gpu":
            return _no_card(model, hardware, wish)
    memory = hardware.memory.available
    return _fill(model, wish, _Room("cpu", memory, _CPU_BANDWIDTH, ()))


@dataclass(frozen=True, slots=True)
class _Room:
    device: Literal["cpu", "gpu"]
    free: int
    bandwidth: float
    cards: tuple[Accelerator, ...]


def _groups(cards: tuple[Accelerator, ...]) -> list[tuple[Accelerator, ...]]:
    groups: list[tuple[Accelerator, ...]] = []
    for vendor in sorted({card.vendor for card in cards}):
        mine = sorted(
            (card for card in cards if card.vendor == vendor),
            key=lambda card: (-card.memory_free_bytes, card.index),
        )
        width = 1
        while width <= len(mine):
            groups.append(tuple(sorted(mine[:width], key=lambda card: card.index)))
            width *= 2
    return sorted(groups, key=len)


def _bandwidth(cards: tuple[Accelerator, ...]) -> float:
    # Tensor parallelism waits for the slowest card.
    slowest = min((card.bandwidth_bytes_s or 0 for card in cards), default=0)
    return float(slowest * len(cards))


def _fill(model: ModelSummary, wish: Wish, room: _Room) -> CapacityPlan:
    per_token = kv_bytes_per_token(model, wish.kv_bytes)
    context = wish.context or min(model.context or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT)
    overhead = _OVERHEAD_GPU * len(room.cards) if room.cards else _OVERHEAD_CPU
    usable = round(room.free * _USABLE)
    left = usable - model.weight_bytes - overhead
    slots = _slots(wish, room.device, left, per_token * context)
    total = model.weight_bytes + overhead + per_token * context * slots
    too_long = bool(model.context) and context > model.context
    fits = total <= usable and not too_long
    speed = _speed(model, per_token * context // 2, room.bandwidth)
    return CapacityPlan(
        fits=fits,
        device=room.device,
        weights_bytes=model.weight_bytes,
        kv_bytes_per_token=per_token,
        kv_bytes=per_token * context * slots,
        total_bytes=total,
        free_bytes=usable,
        context=context,
        slots=slots,
        decode_tokens_s=speed,
        cards=tuple(card.index for card in room.cards),
        vendor=room.cards[0].vendor if room.cards else "",
        sentence=_sentence(room, (total, usable), (slots, context, speed), too_long=too_long),
    )


def _slots(wish: Wish, device: str, left: int, per_slot: int) -> int:
    if wish.slots is not None:
        return max(1, wish.slots)
    usual = _DEFAULT_GPU_SLOTS if device == "gpu" else _DEFAULT_CPU_SLOTS
    if per_slot <= 0:
        return usual
    return max(1, min(usual, _MOST_SLOTS, left // per_slot))


def _speed(model: ModelSummary, cache: int, bandwidth: float) -> float:
    """Decode reads all weights and the stream's cache once per token."""
    read = model.weight_bytes + cache
    return round(_EFFICIENCY * bandwidth / read, 1) if read and bandwidth else 0.0


def gibibytes(size: int) -> str:
    """A size for people: GiB with one digit, MiB below one GiB."""
    if size < 1 << 30:
        return f"{size / (1 << 20):.0f} MiB"
    return f"{size / (1 << 30):.1f} GiB"


def _sentence(
    room: _Room, memory: tuple[int, int], shape: tuple[int, int, float], *, too_long: bool
) -> Bilingual:
    total, usable = (gibibytes(size) for size in memory)
    slots, context, speed = shape
    where_zh = f"{len(room.cards)} 张加速卡" if room.cards else "CPU"
    where_en = f"{len(room.cards)} accelerator(s)" if room.cards else "the CPU"
    if too_long:
        return Bilingual(
            f"上下文 {context} 超过模型上限。", f"A context of {context} exceeds the model's."
        )
    if memory[0] > memory[1]:
        return Bilingual(
            f"放不下:在{where_zh}上需要 {total},可用 {usable}。",
            f"It does not fit: {where_en} would need {total}, {usable} are free.",
        )
    rate = f"{speed:g}" if speed else "?"
    return Bilingual(
        f"可在{where_zh}上运行:需 {total}(可用 {usable}),{slots} 路并发、每路 {context} 词元,"
        f"单路约 {rate} 词元/秒。",
        f"It runs on {where_en}: {total} of {usable}, {slots} slots of {context} tokens, "
        f"about {rate} tokens/s for one stream.",
    )


def _no_card(model: ModelSummary, hardware: Hardware, wish: Wish) -> CapacityPlan:
    groups = _groups(hardware.accelerators)
    if groups:
        cards = groups[-1]
        free = sum(card.memory_free_bytes for card in cards)
        return _fill(model, wish, _Room("gpu", free, _bandwidth(cards), cards))
    why = "; ".join(f"{found.vendor}: {found.reason}" for found in hardware.unreadable)
    context, slots = wish.context or _DEFAULT_CONTEXT, wish.slots or 1
    per_token = kv_bytes_per_token(model, wish.kv_bytes)
    return CapacityPlan(
        fits=False,
        device="gpu",
        weights_bytes=model.weight_bytes,
        kv_bytes_per_token=per_token,
        kv_bytes=per_token * context * slots,
        total_bytes=model.weight_bytes + per_token * context * slots,
        free_bytes=0,
        context=context,
        slots=slots,
        decode_tokens_s=0.0,
        cards=(),
        vendor="",
        sentence=Bilingual(
            f"本机没有可用的加速卡。{why}", f"There is no usable accelerator here. {why}".strip()
        ),
    )
