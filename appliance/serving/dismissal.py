"""Lets nobody wait for a place whom nothing allows it any more: a revoked key's requests end at once."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from appliance.access.errors import AccessRefused
from appliance.serving.resident import Resident

if TYPE_CHECKING:
    from appliance.serving.beyond import Beyond


def dismiss(
    residents: Iterable[Resident], beyond: "Beyond | None", over: Callable[[str], bool]
) -> None:
    """End what waits in the lines of this box, here and for other boxes; the rest keep their turns.

    Args:
        residents: The models in memory.
        beyond: The way to other boxes, where there is one.
        over: Whether nothing live acts as an asker any more.
    """
    for one in residents:
        if one.pool is not None:
            one.pool.dismiss(over, AccessRefused)
    if beyond is not None:
        beyond.dismiss(over, AccessRefused)
