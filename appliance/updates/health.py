"""Whether a box works after an update: each check does the real thing once, and says what it found."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from appliance.errors import ApplianceError
from firmware_checks.errors import FirmwareError
from models.errors import ModelsError

PATIENCE_S: Final = 180.0

Probe = Callable[[], Awaitable[tuple[bool, str, str]]]
"""Does one check: whether it is well, and what was found, in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one check found.

    Attributes:
        name: Which check.
        ok: Whether it is well.
        zh: What was found, in Chinese.
        en: The same in English.
        seconds: How long it took.
    """

    name: str
    ok: bool
    zh: str
    en: str
    seconds: float


async def examine(probes: Mapping[str, Probe], patience_s: float = PATIENCE_S) -> tuple[Found, ...]:
    """Run every check, one after another; one that fails does not keep the others from running.

    Args:
        probes: By name.
        patience_s: The longest time for each.
    """
    return tuple([await _one(name, probe, patience_s) for name, probe in probes.items()])


async def _one(name: str, probe: Probe, patience_s: float) -> Found:
    began = time.monotonic()
    try:
        async with asyncio.timeout(patience_s):
            ok, zh, en = await probe()
    except TimeoutError:
        ok, zh, en = False, f"{patience_s:.0f} 秒内没有结果", f"no result within {patience_s:.0f} s"
    except (ApplianceError, ModelsError) as error:
        ok, zh, en = False, error.sentence, error.sentence
    except FirmwareError as error:
        ok, zh, en = False, str(error), str(error)
    return Found(name, ok, zh, en, round(time.monotonic() - began, 3))
