"""What fits and how fast on this machine: memory by card, slots and decode speed of one model."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from models.card import Bilingual
from models.errors import ContextTooLong, DoesNotFit, NoAccelerator
from models.formats.summary import ModelSummary
from models.hardware.facts import Accelerator, Hardware
from models.planning.memory import cache_spread
from models.planning.reservations import HOST, Claim, Reservations, card_place
from models.planning.shape import ModelShape

Device = Literal["auto", "cpu", "gpu"]

# Work buffers of an engine (activations, logits, CUDA context): measured 0.3-1 GiB on a card.
_OVERHEAD_GPU: Final = 1 << 30
_OVERHEAD_CPU: Final = 128 << 20
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
        claim: What it takes of each place; to be granted by `Reservations` before loading.
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
    claim: Claim = field(default_factory=dict)


def kv_bytes_per_token(model: ModelSummary, number_bytes: float = 2.0) -> int:
    """Cache per token: 2 (keys and values) x layers x heads x width of a head x bytes."""
    return round(2 * model.layers * model.kv_heads * model.head_dim * number_bytes)


def fits(
    model: ModelSummary,
    hardware: Hardware,
    wish: Wish,
    reserved: Reservations | None = None,
    shape: ModelShape | None = None,
) -> CapacityPlan:
    """Plans a model about to be loaded; grant its `claim` in the same ledger before loading.

    Args:
        model: Shape of the model.
        hardware: Facts about the machine.
        wish: What the caller wants; `device="gpu"` insists.
        reserved: What others hold; None for a machine of its own.
        shape: Its whole shape where it is known: latent attention, windows, experts.

    Raises:
        ContextTooLong: The context asked for is longer than the model's own.
        NoAccelerator: An accelerator was asked for and none is usable; the CPU is not taken
            instead.
        DoesNotFit: It needs more memory than is free and not reserved; `facts` tell how much.
    """
    if wish.context and model.context and wish.context > model.context:
        raise ContextTooLong(wanted=wish.context, most=model.context)
    if wish.device == "gpu" and not hardware.accelerators:
        reasons = "; ".join(f"{found.vendor}: {found.reason}" for found in hardware.unreadable)
        raise NoAccelerator(reason_zh=reasons or "未检测到", reason_en=reasons or "none was found")
    made = plan(model, hardware, wish, reserved, shape)
    if not made.fits:
        raise DoesNotFit(needed=gibibytes(made.total_bytes), free=gibibytes(made.free_bytes))
    return made


def plan(
    model: ModelSummary,
    hardware: Hardware,
    wish: Wish,
    reserved: Reservations | None = None,
    shape: ModelShape | None = None,
) -> CapacityPlan:
    """Plans one model on one machine.

    Cards of one vendor are added until the model fits, in powers of two as tensor parallelism
    wants them; every card must have room for its own share. Without a wish for slots, as many
    as fit are taken, up to a usual number.

    Args:
        model: Shape of the model.
        hardware: Facts about the machine; free memory is what counts.
        wish: Limits of the caller.
        reserved: What others hold; None for a machine of its own.
        shape: Its whole shape where it is known.

    Returns:
        A plan; `fits` is False when it does not, and the sentence says what is lacking.
    """
    now = Reservations.of(hardware)
    places = now.capacity if reserved is None else reserved.capacity
    free = {
        place: min(now.free(place), now.free(place) if reserved is None else reserved.free(place))
        for place in places
    }
    if wish.device != "cpu":
        rooms = [
            _Room("gpu", min(free.get(card_place(card), 0) for card in cards), cards)
            for cards in _groups(hardware.accelerators, free, model.kv_heads)
            if shape is None or shape.splits(len(cards))
        ]
        tried = [_fill(model, wish, room, shape) for room in rooms]
        fitting = next((made for made in tried if made.fits), None)
        if fitting is not None:
            return fitting
        if wish.device == "gpu":
            return tried[-1] if tried else _no_card(model, hardware, wish)
    return _fill(model, wish, _Room("cpu", free.get(HOST, 0), ()), shape)


@dataclass(frozen=True, slots=True)
class _Room:
    """Where a model may go: the free bytes of main memory, or of the fullest of some cards."""

    device: Literal["cpu", "gpu"]
    free: int
    cards: tuple[Accelerator, ...]

    @property
    def unit(self) -> int:
        """The grain of a claim: engines are told their share of a card in hundredths."""
        return -(-max((card.memory_bytes for card in self.cards), default=0) // 100) or 1

    @property
    def bandwidth(self) -> float:
        """Bytes a second in all; tensor parallelism waits for the slowest card."""
        if not self.cards:
            return float(_CPU_BANDWIDTH)
        return float(min(card.bandwidth_bytes_s or 0 for card in self.cards) * len(self.cards))


def _groups(
    cards: tuple[Accelerator, ...], free: Claim, kv_heads: int
) -> list[tuple[Accelerator, ...]]:
    groups: list[tuple[Accelerator, ...]] = []
    for vendor in sorted({card.vendor for card in cards}):
        mine = sorted(
            (card for card in cards if card.vendor == vendor),
            key=lambda card: (-free.get(card_place(card), 0), card.index),
        )
        width = 1
        while width <= len(mine):
            if not kv_heads or kv_heads % width == 0 or width % kv_heads == 0:
                groups.append(tuple(sorted(mine[:width], key=lambda card: card.index)))
            width *= 2
    return sorted(groups, key=len)


def _fill(
    model: ModelSummary, wish: Wish, room: _Room, shape: ModelShape | None = None
) -> CapacityPlan:
    """Shares a model out evenly over a room; no card may be asked for more than it has."""
    cards = max(1, len(room.cards))
    per_token = kv_bytes_per_token(model, wish.kv_bytes)
    context = max(1, wish.context or min(model.context or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT))
    # A head of keys and values is never cut: more cards than heads hold copies of it.
    spread = min(cards, model.kv_heads) if model.kv_heads else cards
    cached, read = per_token * context, model.weight_bytes
    if shape is not None:
        per_token, cached = (
            round(shape.cached_numbers(tokens) * wish.kv_bytes) for tokens in (1, context)
        )
        spread = cache_spread(shape, cards)
        read = round(read * shape.read_parameters(1) / max(1, shape.parameters))
    fixed = -(-model.weight_bytes // cards) + (_OVERHEAD_GPU if room.cards else _OVERHEAD_CPU)
    per_slot = -(-cached // spread)
    free = room.free // room.unit * room.unit
    slots = _slots(wish, room, free - fixed, per_slot)
    each = -(-(fixed + per_slot * slots) // room.unit) * room.unit
    too_long = bool(model.context) and context > model.context
    speed = _speed(read + cached // 2, room.bandwidth)
    memory = (each * cards, free * cards)
    places = tuple(card_place(card) for card in room.cards) or (HOST,)
    return CapacityPlan(
        fits=each <= free and not too_long,
        device=room.device,
        weights_bytes=model.weight_bytes,
        kv_bytes_per_token=per_token,
        kv_bytes=cached * slots,
        total_bytes=memory[0],
        free_bytes=memory[1],
        context=context,
        slots=slots,
        decode_tokens_s=speed,
        cards=tuple(card.index for card in room.cards),
        vendor=room.cards[0].vendor if room.cards else "",
        sentence=_sentence(room, memory, (slots, context, speed), too_long=too_long),
        claim=dict.fromkeys(places, each),
    )


def _slots(wish: Wish, room: _Room, left: int, per_slot: int) -> int:
    if wish.slots is not None:
        return max(1, wish.slots)
    usual = _DEFAULT_GPU_SLOTS if room.cards else _DEFAULT_CPU_SLOTS
    if per_slot <= 0:
        return usual
    return max(1, min(usual, _MOST_SLOTS, left // per_slot))


def _speed(read: int, bandwidth: float) -> float:
    """Decode reads the weights it needs and the stream's cache once per token."""
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
    """The plan of a model that insists on a card where there is none: nothing is free."""
    why = "; ".join(f"{found.vendor}: {found.reason}" for found in hardware.unreadable)
    made = _fill(model, wish, _Room("gpu", 0, ()))
    told = Bilingual(
        f"本机没有可用的加速卡。{why}", f"There is no usable accelerator here. {why}".strip()
    )
    return replace(made, fits=False, decode_tokens_s=0.0, sentence=told, claim={})
