"""What every desk of the access room works with."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.access.errors import ApprovalNeeded
from appliance.access.factors import Factors
from appliance.access.live import LiveRights, Stores
from appliance.access.role_book import RoleBook
from appliance.access.rules import AccessRules
from appliance.audit.event import Event


@dataclass(frozen=True, slots=True)
class Ground:
    """The collaborators of a desk.

    Attributes:
        stores: the tables.
        roles: the roles.
        live: the live credentials.
        factors: the second factors.
        rules: the rules of the box.
        clock: Unix time in seconds.
        record: puts an event on the audit record; returns when it is durable, or raises.
    """

    stores: Stores
    roles: RoleBook
    live: LiveRights
    factors: Factors
    rules: AccessRules
    clock: Callable[[], float]
    record: Callable[[Event], None]

    def two_people(self, action: str, subject: str, *, approved: bool) -> None:
        """Stop an action that takes two people on this box and has not been approved.

        Raises:
            ApprovalNeeded: Ask for it, and have somebody else approve.
        """
        if self.rules.two_person and not approved:
            raise ApprovalNeeded(action=action, subject=subject[:64])
