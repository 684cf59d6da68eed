"""Asks NVML about every GPU and returns its answer as plain values, ready to be kept as JSON."""

from collections.abc import Callable
from typing import Any

from firmware_checks.facts import Reading, Reason, Unread


def read_nvml() -> Reading[dict[str, Any]]:
    """The answer of NVML: driver, confidential-computing state, and one entry per GPU.

    A value NVML does not give is {"unread": "unsupported"} or {"unread": <NVML's words>}.

    Returns:
        The answer, or Unread when the library is missing or does not start.
    """
    import pynvml  # noqa: PLC0415 - loads the driver's library; only this call needs it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        absent = isinstance(error, pynvml.NVMLError_LibraryNotFound)
        return Unread(Reason.ABSENT if absent else Reason.FAILED, "NVML", str(error))
    try:
        return _answer(pynvml)
    finally:
        pynvml.nvmlShutdown()


def read_reports(nonce: bytes) -> Reading[dict[str, tuple[bytes, bytes]]]:
    """The attestation report and the certificates (PEM) of every GPU: place -> both.

    Args:
        nonce: 32 fresh bytes that each GPU signs with its measurements.

    Returns:
        The reports; empty while confidential computing is off, since GPUs then attest nothing.
    """
    import pynvml  # noqa: PLC0415 - loads the driver's library; only this call needs it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        absent = isinstance(error, pynvml.NVMLError_LibraryNotFound)
        return Unread(Reason.ABSENT if absent else Reason.FAILED, "NVML", str(error))
    try:
        if not pynvml.nvmlSystemGetConfComputeState().ccFeature:
            return {}
        return {
            str(index): _report(pynvml, index, nonce)
            for index in range(pynvml.nvmlDeviceGetCount())
        }
    except pynvml.NVMLError as error:
        unsupported = isinstance(error, pynvml.NVMLError_NotSupported)
        reason = Reason.UNSUPPORTED if unsupported else Reason.FAILED
        return Unread(reason, "NVML attestation report", str(error))
    finally:
        pynvml.nvmlShutdown()


def _report(nvml: Any, index: int, nonce: bytes) -> tuple[bytes, bytes]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    report = nvml.nvmlDeviceGetConfComputeGpuAttestationReport(handle, nonce)
    chain = nvml.nvmlDeviceGetConfComputeGpuCertificate(handle)
    return (
        bytes(report.attestationReport)[: report.attestationReportSize],
        bytes(chain.attestationCertChain)[: chain.attestationCertChainSize],
    )


def _answer(nvml: Any) -> dict[str, Any]:
    # Multi-GPU and single-GPU feature alike are told for the whole system.
    return {
        "driver": _ask(nvml, nvml.nvmlSystemGetDriverVersion),
        "confidential_capable": _ask(
            nvml,
            lambda: bool(nvml.nvmlSystemGetConfComputeCapabilities().gpusCaps),
        ),
        "confidential_on": _ask(
            nvml,
            lambda: bool(nvml.nvmlSystemGetConfComputeState().ccFeature),
        ),
        "gpus": _gpus(nvml),
    }


def _gpus(nvml: Any) -> list[dict[str, Any]] | dict[str, str]:
    count = _ask(nvml, nvml.nvmlDeviceGetCount)
    if isinstance(count, dict):
        return count
    found: list[dict[str, Any]] = []
    for index in range(count):
        handle = _ask(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
        # A GPU that fell off the bus still counts, with every value unread.
        found.append(_lost(handle) if isinstance(handle, dict) else _gpu(nvml, handle))
    return found


def _lost(why: dict[str, str]) -> dict[str, Any]:
    names = (
        "uuid",
        "vbios",
        "ecc_on",
        "ecc_uncorrected",
        "retired_pages",
        "retirement_pending",
        "remap_pending",
        "remap_failed",
        "exhausted_banks",
        "slowed",
        "celsius",
        "celsius_limit",
        "lanes",
        "lanes_possible",
    )
    return {"name": "?", **dict.fromkeys(names, why)}


def _gpu(nvml: Any, handle: Any) -> dict[str, Any]:
    remapped = _ask(nvml, nvml.nvmlDeviceGetRemappedRows, handle)
    lost = isinstance(remapped, dict)
    return {
        "name": _ask(nvml, nvml.nvmlDeviceGetName, handle),
        "uuid": _ask(nvml, nvml.nvmlDeviceGetUUID, handle),
        "vbios": _ask(nvml, nvml.nvmlDeviceGetVbiosVersion, handle),
        "ecc_on": _ask(nvml, lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0])),
        "ecc_uncorrected": _ask(
            nvml,
            nvml.nvmlDeviceGetTotalEccErrors,
            handle,
            nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            nvml.NVML_VOLATILE_ECC,
        ),
        "retired_pages": _ask(nvml, lambda: _retired(nvml, handle)),
        "retirement_pending": _ask(
            nvml,
            lambda: bool(nvml.nvmlDeviceGetRetiredPagesPendingStatus(handle)),
        ),
        "remap_pending": remapped if lost else bool(remapped[2]),
        "remap_failed": remapped if lost else bool(remapped[3]),
        **_wear(nvml, handle),
    }


def _wear(nvml: Any, handle: Any) -> dict[str, Any]:
    """How worn, hot and well connected a GPU is."""
    return {
        "exhausted_banks": _ask(
            nvml, lambda: int(nvml.nvmlDeviceGetRowRemapperHistogram(handle).none)
        ),
        "slowed": _ask(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle),
        "celsius": _ask(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
        "celsius_limit": _ask(
            nvml,
            nvml.nvmlDeviceGetTemperatureThreshold,
            handle,
            nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN,
        ),
        "lanes": _ask(nvml, nvml.nvmlDeviceGetCurrPcieLinkWidth, handle),
        "lanes_possible": _ask(nvml, nvml.nvmlDeviceGetMaxPcieLinkWidth, handle),
    }


def _retired(nvml: Any, handle: Any) -> int:
    causes = (
        nvml.NVML_PAGE_RETIREMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS,
        nvml.NVML_PAGE_RETIREMENT_CAUSE_DOUBLE_BIT_ECC_ERROR,
    )
    return sum(len(nvml.nvmlDeviceGetRetiredPages(handle, cause)) for cause in causes)


def _ask(nvml: Any, question: Callable[..., Any], *parameters: Any) -> Any:
    """The answer to one question, or {"unread": why} when NVML has none."""
    try:
        answer = question(*parameters)
    except nvml.NVMLError_NotSupported:
        return {"unread": Reason.UNSUPPORTED.value}
    except nvml.NVMLError as error:
        return {"unread": str(error)}
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
