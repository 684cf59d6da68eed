"""Which device and number type to train in, decided by a measurement and not by a name."""

import time
from collections.abc import Callable

import torch

from models.training.errors import TrainingError
from models.training.recipe import Device, Precision

_SIDE = 512
_ROUNDS = 8
_WORTHWHILE = 2.0


class NoSuchDevice(TrainingError):
    """A recipe that asks for a device this machine has not."""

    code = "training.no-such-device"
    zh = "配方要求在 {device} 上训练,但本机没有该设备。"
    en = "The recipe asks to train on {device}, which this machine does not have."
    way_out_zh = "请把 device 设为 cpu 或 auto。"
    way_out_en = "Set device to cpu or auto."


def choose_device(wanted: Device) -> torch.device:
    """Return the wanted device; "auto" takes a CUDA device where there is one.

    Raises:
        NoSuchDevice: CUDA was asked for and is not there.
    """
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise NoSuchDevice(device=wanted)
    return torch.device("cuda" if present and wanted != "cpu" else "cpu")


def choose_type(
    wanted: Precision, device: torch.device, *, clock: Callable[[], float] = time.perf_counter
) -> torch.dtype:
    """Return the type to compute in.

    On processors without bfloat16 units a bfloat16 product is some twenty times slower than a
    float32 one; with them it is several times faster. "auto" multiplies both ways and sees.
    """
    if wanted == "float32":
        return torch.float32
    if wanted == "bfloat16" or device.type == "cuda":
        return torch.bfloat16
    full = _seconds(torch.float32, device, clock)
    half = _seconds(torch.bfloat16, device, clock)
    return torch.bfloat16 if full > _WORTHWHILE * half else torch.float32


def _seconds(kind: torch.dtype, device: torch.device, clock: Callable[[], float]) -> float:
    square = torch.ones(_SIDE, _SIDE, dtype=kind, device=device)
    torch.mm(square, square)
    best = float("inf")
    for _ in range(_ROUNDS):
        began = clock()
        torch.mm(square, square)
        best = min(best, clock() - began)
    return best
