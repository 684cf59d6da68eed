"""Two-person actions: one asks, another approves, and it is done once, with both on the record."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Literal

from appliance.access.approval_store import Approval
from appliance.access.errors import (
    AccessForbidden,
    ApprovalRefused,
    ApprovalUnknown,
    PersonNeeded,
)
from appliance.access.grants import Grant
from appliance.access.ground import Ground
from appliance.access.live import USER
from appliance.access.two_person import ACTIONS
from appliance.audit.events_access import approval as approval_event
from appliance.errors import ApplianceError

MAX_WAITING: Final = 100
MAX_REASON: Final = 200
LISTED: Final = 200

Deed = Callable[[Approval, Grant, str | None], None]
"""Does an approved action: (the approval, who has it done, a secret given at the last moment)."""


class Approvals:
    """Asks, approves, cancels and executes.

    Both are signed-in people who hold the scope of the action at every step; a key or the local
    console is nobody, because whoever holds it could be either of the two.

    Args:
        ground: The collaborators.
        deeds: What each action of the table does.
    """

    def __init__(self, ground: Ground, deeds: Mapping[str, Deed]) -> None:
        self._ground = ground
        self._deeds = deeds

    def request(
        self, action: str, subject: str, by: Grant, parameter: str | None = None, reason: str = ""
    ) -> Approval:
        """Ask for an action.

        Raises:
            ApprovalUnknown: There is no such action.
            PersonNeeded, AccessForbidden: The caller may not ask.
            ApprovalRefused: Too much waits already, or the request makes no sense.
        """
        ground, now = self._ground, self._ground.clock()
        if action not in ACTIONS:
            raise ApprovalUnknown(approval=action[:64])
        self._judge(action, by)
        self._judge_parameter(action, parameter)
        if ground.stores.approvals.waiting(now) >= MAX_WAITING:
            raise ApprovalRefused(reason_zh="待办申请过多", reason_en="too many requests wait")
        if not subject or len(subject) > 64 or len(reason) > MAX_REASON:  # noqa: PLR2004
            raise ApprovalRefused(
                reason_zh="对象或理由过长", reason_en="subject or reason too long"
            )
        approval = Approval(
            id="apr_" + secrets.token_hex(8),
            action=action,
            subject=subject,
            parameter=parameter,
            reason=reason,
            state="waiting",
            requested_by=by.actor,
            requested=now,
            expires=now + ground.rules.approval_s,
        )
        with ground.stores.people.change():
            ground.stores.approvals.add(approval)
            self._record("request", by, approval)
        return approval

    def approve(self, approval_id: str, by: Grant) -> Approval:
        """Approve somebody else's request. Raises ApprovalRefused when it cannot be approved."""
        approval = self.get(approval_id)
        self._judge(approval.action, by)
        if approval.requested_by == by.actor:
            raise ApprovalRefused(
                reason_zh="申请人不能批准自己的申请", reason_en="nobody approves their own request"
            )
        return self._decide(approval, "approved", by)

    def cancel(self, approval_id: str, by: Grant) -> Approval:
        """Cancel a request that is not executed, one's own or somebody else's."""
        approval = self.get(approval_id)
        self._judge(approval.action, by)
        return self._decide(approval, "cancelled", by)

    def execute(self, approval_id: str, by: Grant, secret: str | None = None) -> Approval:
        """Have an approved action done, once; either of the two may.

        Raises:
            ApprovalRefused: It is not approved, too old, or was executed before; or one of the
                two may not do such things any more.
            ApplianceError: The action itself is refused; the approval is used up by it.
        """
        approval = self.get(approval_id)
        if approval.action not in self._deeds:
            raise ApprovalRefused(
                reason_zh="由执行该操作的命令使用这份批准",
                reason_en="the command that does it takes the approval",
            )
        done = self._spent(approval, by)
        try:
            self._deeds[approval.action](done, by, secret)
        except ApplianceError:
            self._record("fail", by, done)
            raise
        return done

    def use(self, approval_id: str | None, action: str, subject: str, by: Grant) -> None:
        """Use an approval up for something that another room is about to do.

        Raises:
            ApprovalNeeded: None was given, on a box where the action takes two people.
            ApprovalRefused: It is for something else, or as `execute`.
        """
        if approval_id is None:
            self._ground.two_people(action, subject, approved=False)
            return
        approval = self.get(approval_id)
        if (approval.action, approval.subject) != (action, subject):
            raise ApprovalRefused(
                reason_zh="这份批准是为另一件事", reason_en="it was given for something else"
            )
        self._spent(approval, by)

    def _spent(self, approval: Approval, by: Grant) -> Approval:
        self._judge(approval.action, by)
        now = self._ground.clock()
        done = replace(approval, state="executed", executed_by=by.actor, executed=now)
        with self._ground.stores.people.change():
            # Inside: nobody loses their rights between the look and the deed.
            self._judge_both(approval, by)
            if not self._ground.stores.approvals.spend(approval.id, "executed", by.actor, now):
                raise _too_late(self.get(approval.id))
            # Before the deed: what cannot be recorded is not done, and both names are there.
            self._record("execute", by, done)
        return done

    def get(self, approval_id: str) -> Approval:
        """Return one. Raises ApprovalUnknown."""
        found = self._ground.stores.approvals.get(approval_id)
        if found is None:
            raise ApprovalUnknown(approval=approval_id[:64])
        return self._told(found)

    def latest(self) -> list[Approval]:
        """Return the newest, newest first."""
        return [self._told(one) for one in self._ground.stores.approvals.latest(LISTED)]

    def _decide(self, approval: Approval, state: str, by: Grant) -> Approval:
        now = self._ground.clock()
        decided = replace(approval, state=state, decided_by=by.actor, decided=now)
        with self._ground.stores.people.change():
            if not self._ground.stores.approvals.decide(approval.id, state, by.actor, now):
                raise _too_late(self.get(approval.id))
            self._record("approve" if state == "approved" else "cancel", by, decided)
        return decided

    def _judge(self, action: str, by: Grant) -> None:
        if not by.actor.startswith(USER) or by.key_id is not None:
            raise PersonNeeded
        # Read anew: the session may be older than what its person may do now.
        scope = ACTIONS[action].scope
        if scope not in self._ground.live.rights(by.actor) or scope not in by.scopes:
            raise AccessForbidden(scope=scope)

    def _judge_parameter(self, action: str, parameter: str | None) -> None:
        if parameter is None:
            return
        if not ACTIONS[action].parameter:
            raise ApprovalRefused(
                reason_zh="这个操作没有参数", reason_en="this action takes no parameter"
            )
        # It would make somebody an administrator under a name that says the opposite.
        if self._ground.roles.administrates(parameter):
            raise ApprovalRefused(
                reason_zh="参数须为较低的角色", reason_en="its parameter must be a lower role"
            )

    def _judge_both(self, approval: Approval, by: Grant) -> None:
        scope = ACTIONS[approval.action].scope
        # Both were who they are when they asked and when they approved.
        people = (
            (approval.requested_by, approval.requested),
            (approval.decided_by or "", approval.decided or approval.requested),
        )
        if approval.state == "approved" and by.actor not in (person for person, _ in people):
            raise ApprovalRefused(
                reason_zh="只有申请人或批准人可以执行", reason_en="only one of the two executes it"
            )
        for person, since in people:
            if approval.state == "approved" and not self._stands(person, scope, since):
                raise ApprovalRefused(
                    reason_zh=f"{person} 已无此权限", reason_en=f"{person} may not do this any more"
                )

    def _stands(self, person: str, scope: str, since: float) -> bool:
        """Whether a person may still do it, and is not somebody else who got the name since."""
        user = self._ground.stores.people.user(person.removeprefix(USER))
        known = user is not None and user.created <= since
        return known and scope in self._ground.live.rights(person)

    def _told(self, approval: Approval) -> Approval:
        open_still = approval.state in {"waiting", "approved"}
        if open_still and approval.expires <= self._ground.clock():
            return replace(approval, state="expired")
        return approval

    def _record(
        self,
        action: Literal["request", "approve", "cancel", "execute", "fail"],
        by: Grant,
        approval: Approval,
    ) -> None:
        self._ground.record(
            approval_event(
                action,
                by.actor,
                approval_id=approval.id,
                what=" ".join(
                    filter(None, (approval.action, approval.subject, approval.parameter))
                ),
                requested_by=approval.requested_by,
                approved_by=None if approval.state == "cancelled" else approval.decided_by,
            )
        )


def _too_late(approval: Approval) -> ApprovalRefused:
    words = {
        "waiting": ("尚未批准", "it is not approved yet"),
        "approved": ("已批准", "it is approved already"),
        "cancelled": ("已取消", "it was cancelled"),
        "executed": ("已执行过", "it was executed before"),
        "expired": ("已过期", "it has expired"),
    }
    zh, en = words.get(approval.state, ("状态不符", "its state does not allow it"))
    return ApprovalRefused(reason_zh=zh, reason_en=en)
