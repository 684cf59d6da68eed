"""The desk where people sign in and out, and look after their own passwords and second factors."""

from collections.abc import Callable

from appliance.access.attempts import Tried
from appliance.access.credentials import token_id
from appliance.access.errors import (
    AccessRefused,
    LockedOut,
    PersonNeeded,
    SessionUnknown,
    TotpNeeded,
    TotpState,
    TotpWrong,
    UserExternal,
)
from appliance.access.external import ExternalPeople
from appliance.access.factors import Enrolment
from appliance.access.grants import Grant, Session, SessionInfo
from appliance.access.ground import Ground
from appliance.access.live import USER
from appliance.access.people import LOCAL, People, SignedIn, SignIn
from appliance.access.refusals import ANONYMOUS
from appliance.access.rules import counted_under
from appliance.audit import events
from appliance.audit.events_access import session_revoke, totp_change, user_change
from appliance.errors import ApplianceError

_SECOND_FACTOR = frozenset({"ldap"})


class SignInDesk:
    """Sessions, and what a person does for themselves.

    Args:
        ground: The collaborators.
        people: Passwords.
        locked_out: Called for each sign-in refused without being judged: these cost nothing to
            send, so they are told once a second with the refused keys.
    """

    def __init__(self, ground: Ground, people: People, locked_out: Callable[[], None]) -> None:
        self._ground = ground
        self._people = people
        self._locked_out = locked_out
        self._external = ExternalPeople(ground.stores.people, people, ground.clock)

    def sign_in(self, wish: SignIn) -> Session:
        """Open a session. Raises AccessRefused, TotpNeeded or LockedOut."""
        try:
            opened = self._people.sign_in(wish)
        except LockedOut:
            self._locked_out()
            raise
        except (AccessRefused, TotpNeeded) as refusal:
            self.refuse(refusal.code)
            raise
        return self._opened(opened)

    def sign_out(self, token: str, grant: Grant) -> None:
        """End the session of a bearer value; a key is left alone."""
        if token_id(token) == grant.credential:
            self.leave(grant)

    def leave(self, grant: Grant) -> None:
        """End the session that a grant is of; a key and the local console are left alone."""
        if grant.key_id is not None or not grant.credential:
            return
        self._ground.live.kill(grant.credential)
        self._ground.stores.people.drop_session(grant.credential)
        self._ground.record(events.session_close(grant.actor, None, reason="sign-out"))

    def sessions(self, name: str | None = None) -> list[SessionInfo]:
        """Return the live sessions, of everybody or of one person, oldest first."""
        ground = self._ground
        rows = ground.stores.people.sessions(ground.clock(), name)
        return [
            SessionInfo(r.id, r.name, r.created, r.seen, r.expires, r.source, r.method)
            for r in rows
            if ground.live.live(r.id)
        ]

    def revoke(self, session_id: str, by: Grant) -> None:
        """End somebody's session; it is dead when this returns.

        Raises:
            SessionUnknown: There is none.
            AccessForbidden: It is the session of somebody who may do more than its ender.
        """
        ground = self._ground
        rows = ground.stores.people.sessions(ground.clock())
        found = [row for row in rows if row.id == session_id]
        if not found:
            raise SessionUnknown(session_id=session_id[:64])
        name = found[0].name
        if by.actor != USER + name:
            ground.roles.may_give(by, self._people.known(name).role)
        ground.live.kill(session_id)
        ground.stores.people.drop_session(session_id)
        ground.record(session_revoke(by.actor, name=name, session=session_id))

    def revoke_own(self, session_id: str, who: Grant) -> None:
        """End one of one's own sessions. Raises SessionUnknown for everybody else's."""
        own = {session.id for session in self.sessions(person(who))}
        if session_id not in own:
            raise SessionUnknown(session_id=session_id[:64])
        self.revoke(session_id, who)

    # A person's own password and second factor --------------------------------------------------

    def change_password(self, who: Grant, old: str, new: str) -> None:
        """Replace one's own password; all of one's sessions end.

        Raises:
            AccessRefused, WeakPassword: The old one is wrong, or the new one is weak.
            UserExternal: One's password is the directory's.
        """
        name = person(who)
        if self._people.known(name).source != LOCAL:
            raise UserExternal(name=name)
        self._people.confirm_password(name, old)
        self._people.set_password(name, new, temporary=False)
        self._ground.live.renew(USER + name)
        self._ground.record(user_change(who.actor, name=name, change="own password"))

    def totp_begin(self, who: Grant) -> Enrolment:
        """Begin to set up one-time codes; the secret is in the answer and is not shown again."""
        name = person(who)
        with self._ground.stores.people.change():
            enrolment = self._ground.factors.begin(name, self._ground.clock())
            self._ground.record(totp_change("enrol", who.actor, name=name))
        return enrolment

    def totp_confirm(self, who: Grant, code: str) -> list[str]:
        """Confirm by a first code; one's other sessions end. Returns the recovery codes, once."""
        name, ground = person(who), self._ground
        # Counted like a sign-in: nobody tries codes on a session left open.
        tried = self._people.attempts.begin(name, None, ground.clock())
        with ground.stores.people.change():
            codes = ground.factors.confirm(name, code, ground.clock())
            ground.stores.people.drop_others(name, who.credential)
            ground.record(totp_change("confirm", who.actor, name=name))
        self._people.attempts.succeed(tried)
        ground.live.renew(USER + name)
        return codes

    def totp_remove(self, who: Grant, code: str) -> None:
        """Give up one-time codes, with one last code.

        Raises:
            TotpWrong: The code is wrong.
            TotpState: One's role demands them.
        """
        name, ground = person(who), self._ground
        if ground.roles.demands_totp(who.role):
            raise TotpState(reason_zh="您的角色要求动态口令", reason_en="your role demands them")
        tried = self._people.attempts.begin(name, None, ground.clock())
        if ground.factors.check(name, code, ground.clock()) is None:
            raise TotpWrong
        self._people.attempts.succeed(tried)
        with ground.stores.people.change():
            ground.factors.remove(name)
            ground.record(totp_change("remove", who.actor, name=name))

    # People of an outside directory -------------------------------------------------------------

    def attempt(self, name: str, source: str, address: str | None = None) -> Tried:
        """Count a sign-in before the directory is asked, as for local names. Raises LockedOut."""
        try:
            return self._people.attempts.begin(
                counted_under(name, source), address, self._ground.clock()
            )
        except LockedOut:
            self._locked_out()
            raise

    def refuse(self, code: str) -> None:
        """Put a sign-in on record that was refused by whoever judged it."""
        self._ground.record(events.session_refuse(ANONYMOUS, None, reason=code))

    def judged(self, tried: Tried) -> None:
        """The attempt was right: the failures of its name are forgotten."""
        self._people.attempts.succeed(tried)

    def unjudged(self, name: str, source: str, address: str | None = None) -> None:
        """Take an attempt back that was neither right nor wrong: its second factor is missing."""
        self._people.attempts.forgive(counted_under(name, source), address)

    def enter(
        self, name: str, role: str, source: str, lasts_s: float | None, code: str | None
    ) -> Session:
        """Open a session of a person whom the directory `source` has vouched for."""
        ground = self._ground
        ground.roles.judge(role)
        known = ground.stores.people.user(name)
        if known is not None and known.role != role and self._external.known(name, source):
            ground.stores.people.set_role(name, role, ground.clock())
            ground.live.renew(USER + name)
        factor = self._outside_factor(name, source, code)
        opened = self._external.enter(name, role, source, lasts_s)
        return self._opened(SignedIn(opened.session, opened.token, opened.user, factor))

    def close_sessions_of(self, name: str, reason: str, *, keys: bool) -> None:
        """End every session of a person at once, and with `keys` every key they made."""
        ground = self._ground
        known = ground.stores.people.user(name)
        if known is None:
            return
        ground.live.kill_person(name)
        if keys:
            ground.stores.people.set_role(name, known.role, ground.clock())
        else:
            ground.stores.people.drop_others(name, "")
        ground.live.renew(USER + name)
        ground.record(events.session_close(USER + name, None, reason=reason))

    def _outside_factor(self, name: str, source: str, code: str | None) -> str | None:
        ground = self._ground
        if source not in _SECOND_FACTOR or not ground.factors.enrolled(name):
            return None
        if not code:
            raise TotpNeeded
        factor = ground.factors.check(name, code[:64], ground.clock())
        if factor is None:
            raise AccessRefused
        return factor

    def _opened(self, opened: SignedIn) -> Session:
        session, user, ground = opened.session, opened.user, self._ground
        actor = USER + user.name
        try:
            ground.record(events.session_open(actor, None, role=user.role))
            if opened.factor == "recovery":
                ground.record(totp_change("recover", actor, name=user.name))
        except ApplianceError:
            # Nobody holds its token: it would only come to life at the next start.
            ground.stores.people.drop_session(session.id)
            raise
        ground.live.renew(actor)
        must = ground.live.due(user, session.method, ground.clock())
        scopes = frozenset[str]() if must else ground.roles.scopes(user.role)
        return Session(opened.token, session.expires, user.role, scopes, must)


def person(grant: Grant) -> str:
    """The name of the signed-in person behind a grant. Raises PersonNeeded."""
    if not grant.actor.startswith(USER) or grant.key_id is not None:
        raise PersonNeeded
    return grant.actor.removeprefix(USER)
