"""Two-person actions: who may do which step, once, in time, with both names on the record."""

import threading

import pytest

from appliance.access.errors import (
    AccessForbidden,
    AccessRefused,
    ApprovalNeeded,
    ApprovalRefused,
    ApprovalUnknown,
    LockedOut,
    PersonNeeded,
    UserUnknown,
)
from appliance.access.grants import KeyWish
from appliance.access.rules import AccessRules
from appliance.access.service import AccessService
from appliance.access.two_person import ACTIONS
from appliance.errors import AuditUnavailable

PASSWORD = "correct horse battery 9"
REMOVE = "user.remove-administrator"


@pytest.fixture
def rules():
    return AccessRules(two_person=True)


@pytest.fixture
def box(service):
    for name in ("ann", "bob"):
        service.create_user(name, PASSWORD, "administrator")
    service.create_user("li", PASSWORD, "clinician")
    return service


def person(service, name):
    return service.authenticate(f"Bearer {service.sign_in(name, PASSWORD).token}")


def approved(box, action, subject, **more):
    ann, bob = person(box, "ann"), person(box, "bob")
    asked = box.approvals.request(action, subject, ann, **more)
    box.approvals.approve(asked.id, bob)
    return asked.id, ann, bob


def test_the_dangerous_is_not_done_alone(box, audit):
    ann = person(box, "ann")
    key = box.create_key(KeyWish("auditor", frozenset({"audit:export"})))
    box.roles.demand_totp("auditor", ann, on=True)
    for deed in (
        lambda by: box.people.remove("bob", by),
        lambda by: box.people.set_role("bob", "clinician", by),
        lambda by: box.people.set_role("li", "administrator", by),
        lambda by: box.people.create("eve", PASSWORD, "administrator", by),
        lambda by: box.people.set_password("bob", "another good word", by),
        lambda by: box.people.unlock("bob", by),
        lambda by: box.people.reset_totp("bob", by),
        lambda by: box.roles.demand_totp("auditor", by, on=False),
        lambda by: box.revoke_key(key.id, by),
    ):
        for by in (ann, box.local_grant()):
            with pytest.raises(ApprovalNeeded):
                deed(by)
    box.authenticate(f"Bearer {key.secret}")
    assert {user.name: user.role for user in box.users()} == {
        "ann": "administrator",
        "bob": "administrator",
        "li": "clinician",
    }


def test_nobody_disables_a_colleague_to_be_alone(box):
    ann = person(box, "ann")
    box.people.disable("bob", ann)
    with pytest.raises(ApprovalNeeded):
        box.people.create("eve", PASSWORD, "administrator", ann)


def test_off_by_default_nothing_is_asked(db, audit, clock, passwords):
    alone = AccessService(db, audit, clock, passwords=passwords)
    try:
        alone.create_user("ann", PASSWORD, "administrator")
        alone.create_user("bob", PASSWORD, "administrator")
        alone.remove_user("bob")
    finally:
        alone.close()


def test_two_people_do_it_once_and_both_are_on_record(box, audit):
    box.create_user("eve", PASSWORD, "clinician")
    identity, ann, bob = approved(box, "user.make-administrator", "eve", reason="值班")
    box.approvals.execute(identity, ann)
    assert person(box, "eve").role == "administrator"
    record = next(e for e in audit.events if e.tag == "access:approval:execute")
    assert (record.actor, record.subject) == ("user:ann", identity)
    assert record.details == {
        "approved_by": "user:bob",
        "requested_by": "user:ann",
        "what": "user.make-administrator eve",
    }
    box.people.set_role  # noqa: B018  # the deed stands; the paper is used up
    for again in (ann, bob):
        with pytest.raises(ApprovalRefused):
            box.approvals.execute(identity, again)
        with pytest.raises(ApprovalRefused):
            box.approvals.cancel(identity, again)
    assert box.approvals.get(identity).state == "executed"


def test_nobody_approves_their_own_and_nobody_executes_unapproved(box):
    ann, bob = person(box, "ann"), person(box, "bob")
    asked = box.approvals.request(REMOVE, "bob", ann)
    with pytest.raises(ApprovalRefused, match="own request"):
        box.approvals.approve(asked.id, ann)
    with pytest.raises(ApprovalRefused, match="not approved"):
        box.approvals.execute(asked.id, ann)
    second = person(box, "ann")  # another session is the same person
    with pytest.raises(ApprovalRefused):
        box.approvals.approve(asked.id, second)
    box.approvals.approve(asked.id, bob)
    with pytest.raises(ApprovalRefused, match="already"):
        box.approvals.approve(asked.id, bob)


def test_keys_consoles_and_others_are_no_second_person(box):
    ann, li = person(box, "ann"), person(box, "li")
    key = box.create_key(KeyWish("k", ann.scopes), ann)
    asked = box.approvals.request(REMOVE, "bob", ann)
    for by in (box.local_grant(), box.authenticate(f"Bearer {key.secret}")):
        for step in (box.approvals.approve, box.approvals.cancel, box.approvals.execute):
            with pytest.raises(PersonNeeded):
                step(asked.id, by)
        with pytest.raises(PersonNeeded):
            box.approvals.request(REMOVE, "bob", by)
    for step in (box.approvals.approve, box.approvals.execute):
        with pytest.raises(AccessForbidden):
            step(asked.id, li)


def test_rights_are_read_at_the_moment_of_the_deed(box, db):
    box.create_user("eve", PASSWORD, "clinician")
    identity, ann, _ = approved(box, "user.make-administrator", "eve")
    box.people.set_role("bob", "clinician", box.local_grant(), approved=True)
    with pytest.raises(ApprovalRefused, match="bob"):
        box.approvals.execute(identity, ann)
    stale = ann
    box.people.set_role("ann", "clinician", box.local_grant(), approved=True)
    with pytest.raises(AccessForbidden):
        box.approvals.cancel(identity, stale)


def test_a_third_person_does_not_execute(box):
    box.create_user("eve", PASSWORD, "clinician")
    identity, ann, _ = approved(box, "user.make-administrator", "eve")
    box.approvals.execute(identity, ann)
    second, _, _ = approved(box, REMOVE, "bob")
    with pytest.raises(ApprovalRefused, match="one of the two"):
        box.approvals.execute(second, person(box, "eve"))


def test_requests_expire_and_are_cancelled(box, clock, rules):
    identity, ann, bob = approved(box, REMOVE, "bob")
    clock.now += rules.approval_s
    ann, bob = person(box, "ann"), person(box, "bob")
    assert box.approvals.get(identity).state == "expired"
    for step in (box.approvals.execute, box.approvals.cancel, box.approvals.approve):
        with pytest.raises(ApprovalRefused):
            step(identity, ann if step is not box.approvals.approve else bob)
    asked = box.approvals.request(REMOVE, "bob", ann)
    box.approvals.cancel(asked.id, bob)
    with pytest.raises(ApprovalRefused, match="cancelled"):
        box.approvals.approve(asked.id, bob)


def test_a_restart_in_the_middle_changes_nothing(box, db, audit, clock, passwords, rules):
    identity, _, _ = approved(box, REMOVE, "bob")
    again = AccessService(db, audit, clock, passwords=passwords, rules=rules)
    try:
        again.approvals.execute(identity, person(again, "ann"))
        with pytest.raises(ApprovalRefused):
            again.approvals.execute(identity, person(again, "ann"))
        assert [user.name for user in again.users()] == ["ann", "li"]
    finally:
        again.close()


def test_many_at_once_execute_it_once(box):
    box.create_user("eve", PASSWORD, "clinician")
    identity, ann, bob = approved(box, "user.make-administrator", "eve")
    barrier, done, refused = threading.Barrier(8), [], []

    def execute(by):
        barrier.wait()
        try:
            done.append(box.approvals.execute(identity, by))
        except ApprovalRefused as refusal:
            refused.append(refusal)

    threads = [threading.Thread(target=execute, args=(by,)) for by in (ann, bob) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 7)


def test_what_cannot_be_recorded_is_not_done(box, audit):
    identity, ann, _ = approved(box, REMOVE, "bob")
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        box.approvals.execute(identity, ann)
    audit.broken = False
    assert box.approvals.get(identity).state == "approved"
    assert "bob" in {user.name for user in box.users()}
    box.approvals.execute(identity, ann)
    assert "bob" not in {user.name for user in box.users()}


def test_a_deed_that_is_refused_is_on_record_and_used_up(box, audit):
    identity, ann, _ = approved(box, REMOVE, "nobody")
    with pytest.raises(UserUnknown):
        box.approvals.execute(identity, ann)
    assert audit.tags()[-1] == "access:approval:fail"
    with pytest.raises(ApprovalRefused):
        box.approvals.execute(identity, ann)


def test_every_action_does_what_it_says(box, clock, rules):
    ann = person(box, "ann")
    key = box.create_key(KeyWish("auditor", frozenset({"audit:export"})))
    box.roles.demand_totp("auditor", ann, on=True)
    for _ in range(rules.failures):
        with pytest.raises(AccessRefused):
            box.sign_in("bob", "wrong")
    with pytest.raises(LockedOut):
        box.sign_in("bob", PASSWORD)
    box.create_user("eve", PASSWORD, "clinician")
    box.people.set_role("eve", "administrator", box.local_grant(), approved=True)

    def do(action, subject, secret=None, parameter=None):
        asked = box.approvals.request(action, subject, person(box, "ann"), parameter)
        box.approvals.approve(asked.id, person(box, "eve"))
        box.approvals.execute(asked.id, person(box, "ann"), secret)

    do("user.unlock-administrator", "bob")
    person(box, "bob")
    do("role.totp-off", "auditor")
    assert not next(role for role in box.roles.all() if role.name == "auditor").totp
    do("key.revoke-export", key.id)
    with pytest.raises(AccessRefused):
        box.authenticate(f"Bearer {key.secret}")
    with pytest.raises(ApprovalRefused):
        do("user.reset-password", "bob")
    do("user.reset-password", "bob", "another good word")
    assert box.sign_in("bob", "another good word").must == "password"
    do("user.make-administrator", "li")
    do("user.remove-administrator", "li", parameter="auditor")
    assert {u.name: u.role for u in box.users()}["li"] == "auditor"
    do("user.remove-administrator", "bob")
    assert "bob" not in {user.name for user in box.users()}
    assert set(ACTIONS) >= {"user.reset-totp"}


@pytest.mark.parametrize(
    ("action", "subject", "refusal"),
    [
        ("user.make-emperor", "li", ApprovalUnknown),
        (REMOVE, "", ApprovalRefused),
        (REMOVE, "x" * 65, ApprovalRefused),
    ],
)
def test_requests_that_make_no_sense(box, action, subject, refusal):
    with pytest.raises(refusal):
        box.approvals.request(action, subject, person(box, "ann"))
    with pytest.raises(ApprovalUnknown):
        box.approvals.get("apr_' OR 1=1 --")
