"""Why a change of the software went no further, as its record tells it."""

from typing import Final

from appliance.errors import ApplianceError
from installer.apply_errors import DiskFailed
from installer.apply_journal import Reason, shortened
from installer.errors import InstallerError
from secure_compute.errors import SecureComputeError

REFUSALS: Final = (InstallerError, ApplianceError, SecureComputeError, OSError)
"""What ends a change and leaves the box as it was; anything else is a mistake of ours."""


def reason_of(error: BaseException) -> Reason:
    """The code and the sentences of a refusal."""
    if isinstance(error, OSError):
        error = disk_failed(error)
    if isinstance(error, InstallerError):
        zh, en = error.zh.format(**error.facts), error.en.format(**error.facts)
        return Reason(error.code, shortened(zh), shortened(en))
    if isinstance(error, ApplianceError):
        return Reason(error.code, shortened(error.sentence_zh), shortened(error.sentence_en))
    return Reason("apply", shortened(str(error)), shortened(str(error)))


def disk_failed(error: OSError) -> DiskFailed:
    """A refusal of the operating system, in words."""
    return DiskFailed(path=error.filename or "-", reason=error.strerror or type(error).__name__)
