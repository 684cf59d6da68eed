"""NVIDIA cards through the driver's own library (NVML), loaded only where it is present."""

from importlib import import_module
from types import ModuleType
from typing import Any, Final

from models.hardware.datasheets import known_bandwidth
from models.hardware.facts import Accelerator, Unreadable

VENDOR: Final = "nvidia"


def read_nvidia() -> tuple[Accelerator, ...] | Unreadable:
    """Reads every NVIDIA card.

    Returns:
        The cards; none when the library is not installed. `Unreadable` when it is installed and
        fails, because then a card may be there that nobody can use.
    """
    nvml = import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError_LibraryNotFound:
        return ()
    except nvml.NVMLError as error:
        return Unreadable(VENDOR, str(error))
    try:
        driver = _optional(nvml, "nvmlSystemGetDriverVersion") or ""
        count = nvml.nvmlDeviceGetCount()
        return tuple(_card_or_lost(nvml, index, _text(driver)) for index in range(count))
    except nvml.NVMLError as error:
        return Unreadable(VENDOR, str(error))
    finally:
        nvml.nvmlShutdown()


def _card_or_lost(nvml: ModuleType, index: int, driver: str) -> Accelerator:
    """One card; one that fell off the bus is listed without memory, and the others stay usable."""
    try:
        return _card(nvml, index, driver)
    except nvml.NVMLError as error:
        return Accelerator(VENDOR, index, f"NVIDIA ({error})", 0, 0, driver=driver)


def _card(nvml: ModuleType, index: int, driver: str) -> Accelerator:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    # A card that is cut into instances has no memory to give as a whole.
    whole = (_optional(nvml, "nvmlDeviceGetMigMode", handle) or (0, 0))[0] == 0
    name = _text(nvml.nvmlDeviceGetName(handle))
    rates = _optional(nvml, "nvmlDeviceGetUtilizationRates", handle)
    milliwatts = _optional(nvml, "nvmlDeviceGetPowerUsage", handle)
    temperature = _optional(nvml, "nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU)
    errors = _optional(
        nvml,
        "nvmlDeviceGetTotalEccErrors",
        handle,
        nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
        nvml.NVML_AGGREGATE_ECC,
    )
    return Accelerator(
        vendor=VENDOR,
        index=index,
        name=name,
        memory_bytes=int(memory.total),
        memory_free_bytes=int(memory.free) if whole else 0,
        bandwidth_bytes_s=known_bandwidth(name) or _computed_bandwidth(nvml, handle),
        uuid=_text(_optional(nvml, "nvmlDeviceGetUUID", handle) or ""),
        driver=driver,
        utilisation=None if rates is None else rates.gpu / 100,
        temperature_c=None if temperature is None else float(temperature),
        power_w=None if milliwatts is None else milliwatts / 1000,
        ecc_errors=errors,
    )


def _computed_bandwidth(nvml: ModuleType, handle: Any) -> int | None:
    """Twice the memory clock times the bus width: two transfers per clock."""
    width = _optional(nvml, "nvmlDeviceGetMemoryBusWidth", handle)
    megahertz = _optional(nvml, "nvmlDeviceGetMaxClockInfo", handle, nvml.NVML_CLOCK_MEM)
    if not width or not megahertz:
        return None
    return int(megahertz) * 1_000_000 * 2 * int(width) // 8


def _optional(nvml: ModuleType, function: str, *arguments: Any) -> Any:
    """Asks for something that not every card or driver tells."""
    try:
        return getattr(nvml, function)(*arguments)
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
