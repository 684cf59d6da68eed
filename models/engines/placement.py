"""Where a model runs: threads, slots and layers from the capacity plan; never a silent fallback."""

from models.capacity import CapacityPlan, Wish, fits
from models.engines.engine import Placement
from models.formats.summary import ModelSummary
from models.hardware.facts import Hardware
from models.planning.reservations import Reservations
from models.planning.shape import ModelShape

# More than the layers of any model: llama.cpp then puts all of it on the card.
ALL_LAYERS = 999
# With all layers on cards the CPU only feeds them.
_FEEDING_THREADS = 2


def place(
    model: ModelSummary,
    hardware: Hardware,
    wish: Wish,
    reserved: Reservations | None = None,
    shape: ModelShape | None = None,
) -> Placement:
    """Decides where a model runs.

    Args:
        model: Shape of the model.
        hardware: Facts about the machine.
        wish: What the caller wants; `device="gpu"` insists.
        reserved: What others hold; None for a machine of its own.
        shape: Its whole shape where it is known: latent attention, windows, experts.

    Raises:
        NoAccelerator: An accelerator was asked for and none is usable; the CPU is not taken
            instead.
        ContextTooLong: The context asked for is longer than the model's own.
        DoesNotFit: It needs more memory than is free.
    """
    return placement_of(fits(model, hardware, wish, reserved, shape), hardware)


def placement_of(plan: CapacityPlan, hardware: Hardware) -> Placement:
    """The placement of a plan that fits; its `claim` is what to reserve for it."""
    free = hardware.cpu.free_cores
    if plan.device == "cpu":
        return Placement(free, plan.slots, plan.context)
    return Placement(
        threads=min(free, _FEEDING_THREADS),
        slots=plan.slots,
        context=plan.context,
        gpu_layers=ALL_LAYERS,
        devices=plan.cards,
        tensor_parallel=len(plan.cards),
        vendor=plan.vendor,
        memory_share=_share(plan, hardware),
    )


def _share(plan: CapacityPlan, hardware: Hardware) -> float:
    """The share of each card that the plan claims: an engine that takes a share takes no more."""
    total = max(
        (
            card.memory_bytes
            for card in hardware.accelerators
            if card.vendor == plan.vendor and card.index in plan.cards
        ),
        default=0,
    )
    claimed = max(plan.claim.values(), default=0)
    return min(95, max(1, 100 * claimed // total)) / 100 if total else 0.9
