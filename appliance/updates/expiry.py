"""A bundle past its expiry: in an air gap the newest stick may be an old one, and two people decide."""

from dataclasses import dataclass

from appliance.updates.errors import OverrideRefused

PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Override:
    """Two people who take the newest stick there is although it has expired.

    It counts for the expiry of a bundle alone: never for the vendor's root, a signature, a version
    or the clock. Who uses one puts both people on record.

    Attributes:
        by: The two of them.

    Raises:
        OverrideRefused: They are not two.
    """

    by: tuple[str, str]

    def __post_init__(self) -> None:
        named = {name.strip().casefold() for name in self.by} - {""}
        if len(self.by) != PEOPLE or len(named) != PEOPLE:
            raise OverrideRefused
