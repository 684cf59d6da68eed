"""Where a model runs: threads, slots and layers from the capacity plan; never a silent fallback."""

from models.capacity import Wish, gibibytes, plan
from models.engines.engine import Placement
from models.errors import ContextTooLong, DoesNotFit, NoAccelerator
from models.formats.summary import ModelSummary
from models.hardware.facts import Hardware

# More than the layers of any model: llama.cpp then puts all of it on the card.
ALL_LAYERS = 999


def place(model: ModelSummary, hardware: Hardware, wish: Wish) -> Placement:
    """Decides where a model runs.

    Args:
        model: Shape of the model.
        hardware: Facts about the machine.
        wish: What the caller wants; `device="gpu"` insists.

    Raises:
        NoAccelerator: An accelerator was asked for and none is usable; the CPU is not taken
            instead.
        ContextTooLong: The context asked for is longer than the model's own.
        DoesNotFit: It needs more memory than is free.
    """
    if wish.context and model.context and wish.context > model.context:
        raise ContextTooLong(wanted=wish.context, most=model.context)
    made = plan(model, hardware, wish)
    if wish.device == "gpu" and not hardware.accelerators:
        reasons = "; ".join(f"{found.vendor}: {found.reason}" for found in hardware.unreadable)
        raise NoAccelerator(reason_zh=reasons or "未检测到", reason_en=reasons or "none was found")
    if not made.fits:
        raise DoesNotFit(needed=gibibytes(made.total_bytes), free=gibibytes(made.free_bytes))
    if made.device == "cpu":
        return Placement(hardware.cpu.free_cores, made.slots, made.context)
    return Placement(
        # With all layers on cards the CPU only feeds them.
        threads=min(hardware.cpu.free_cores, 2),
        slots=made.slots,
        context=made.context,
        gpu_layers=ALL_LAYERS,
        devices=made.cards,
        tensor_parallel=len(made.cards),
        vendor=made.vendor,
    )
