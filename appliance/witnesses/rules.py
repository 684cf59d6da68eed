"""What the room of the witnesses goes by."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WitnessRules:
    """What this room goes by.

    Args:
        stale_s: seconds without a cosignature after which a witness counts as stale.
        on_trial: whether this software may yet be taken back, with the database in which the count
            of the TPM is remembered: then nothing is counted.
    """

    stale_s: float
    on_trial: Callable[[], bool] = lambda: False
