"""From what the desks of access return to what the wire carries."""

from dataclasses import asdict

from appliance.access import grants
from appliance.access.approval_store import Approval
from appliance.access.factors import Enrolment
from appliance.access.limits import Limits
from appliance.access.two_person import ACTIONS
from appliance.api.views import maybe, moment
from appliance.contract import access, people, usage


def me_view(grant: grants.Grant) -> people.Me:
    """Who calls."""
    told = {"actor": grant.actor, "role": grant.role, "must": grant.must}
    return people.Me.model_validate(told | {"scopes": tuple(sorted(grant.scopes))})


def session_info(session: grants.SessionInfo) -> people.SessionInfo:
    """A live session."""
    return people.SessionInfo(
        id=session.id,
        name=session.name,
        created=moment(session.created),
        seen=moment(session.seen),
        expires=moment(session.expires),
        source=session.source,
        method=session.method,
    )


def limits_of(wish: access.KeyLimits) -> Limits:
    """The limits of a key, as the access room takes them."""
    return Limits(
        rpm=wish.requests_per_minute,
        tpm=wish.tokens_per_minute,
        rpd=wish.requests_per_day,
        tpd=wish.tokens_per_day,
        rpmo=wish.requests_per_month,
        tpmo=wish.tokens_per_month,
    )


def enrolment_view(enrolment: Enrolment) -> people.TotpBegun:
    """What an authenticator app needs."""
    return people.TotpBegun(uri=enrolment.uri, secret=enrolment.secret)


def role_view(role: grants.RoleView) -> people.RoleView:
    """A role."""
    scopes = tuple(sorted(role.scopes))
    return people.RoleView(name=role.name, scopes=scopes, builtin=role.builtin, totp=role.totp)


def account_view(account: grants.AccountView) -> people.AccountView:
    """A service account."""
    return people.AccountView(
        name=account.name,
        role=account.role,
        note=account.note,
        created=moment(account.created),
        disabled=maybe(account.disabled),
    )


def approval_view(approval: Approval) -> people.ApprovalView:
    """A two-person action."""
    times = {
        "requested": moment(approval.requested),
        "expires": moment(approval.expires),
        "decided": maybe(approval.decided),
        "executed": maybe(approval.executed),
    }
    return people.ApprovalView.model_validate(asdict(approval) | times)


def approval_list(approvals: list[Approval], *, on: bool) -> people.ApprovalList:
    """The newest requests and the table of actions."""
    return people.ApprovalList(
        on=on,
        actions=tuple(people.ActionView.model_validate(asdict(a)) for a in ACTIONS.values()),
        approvals=tuple(map(approval_view, approvals)),
    )


def usage_report(
    span: tuple[int, int], by: usage.UsageBy, rows: list[grants.UsageSum]
) -> usage.UsageReport:
    """Metered use added up."""
    return usage.UsageReport(
        since=moment(span[0]),
        until=moment(span[1]),
        by=by,
        rows=tuple(usage.UsageSum.model_validate(asdict(row)) for row in rows),
    )
