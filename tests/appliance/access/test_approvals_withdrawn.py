"""Approvals are worth what their two people are when they are used: gone ones do not count."""

import threading

import pytest

from appliance.access.errors import AccessForbidden, AccessRefused, ApprovalRefused
from appliance.access.rules import AccessRules
from appliance.access.two_person import ERASE

PASSWORD = "correct horse battery 9"
DEED = "user.make-administrator"
KEY = "patient:5f1d0c2b"


@pytest.fixture
def rules():
    return AccessRules(two_person=True)


@pytest.fixture
def box(service):
    for name in ("ann", "bob"):
        service.create_user(name, PASSWORD, "administrator")
    for name in ("cid", "eve"):
        service.create_user(name, PASSWORD, "clinician")
    service.people.set_role("cid", "administrator", service.local_grant(), approved=True)
    return service


def person(box, name):
    return box.authenticate(f"Bearer {box.sign_in(name, PASSWORD).token}")


def approved(box, action, subject):
    ann, bob = person(box, "ann"), person(box, "bob")
    asked = box.approvals.request(action, subject, ann)
    box.approvals.approve(asked.id, bob)
    return asked.id, ann


def disabled(box, name):
    box.people.disable(name, person(box, "cid"))


def removed(box, name):
    box.people.remove(name, box.local_grant(), approved=True)


def lowered(box, name):
    box.people.set_role(name, "clinician", box.local_grant(), approved=True)


def replaced(box, name):
    """Somebody else gets the name; what the first one approved is not theirs."""
    removed(box, name)
    box.approvals._ground.clock.now += 5
    box.people.create(name, PASSWORD, "clinician", box.local_grant())
    box.people.set_role(name, "administrator", box.local_grant(), approved=True)


WAYS = [disabled, removed, lowered, replaced]


@pytest.mark.parametrize("way", WAYS)
def test_an_approver_who_is_gone_has_approved_nothing(box, audit, way):
    deed, ann = approved(box, DEED, "eve")
    erasure, _ = approved(box, ERASE, KEY)
    way(box, "bob")
    told = len(audit.events)
    with pytest.raises(ApprovalRefused, match="bob"):
        box.approvals.execute(deed, ann)
    with pytest.raises(ApprovalRefused, match="bob"):
        box.approvals.use(erasure, ERASE, KEY, ann)
    assert {user.name: user.role for user in box.users()}["eve"] == "clinician"
    assert "access:approval:execute" not in [event.tag for event in audit.events[told:]]
    assert {box.approvals.get(one).state for one in (deed, erasure)} == {"approved"}


@pytest.mark.parametrize("way", WAYS)
def test_nor_does_the_approver_go_on_for_somebody_who_asked_and_is_gone(box, way):
    deed, _ = approved(box, DEED, "eve")
    bob = person(box, "bob")
    way(box, "ann")
    with pytest.raises(ApprovalRefused, match="ann"):
        box.approvals.execute(deed, bob)
    assert {user.name: user.role for user in box.users()}["eve"] == "clinician"


def test_who_is_disabled_neither_executes_nor_comes_in_again(box):
    deed, ann = approved(box, DEED, "eve")
    disabled(box, "ann")
    with pytest.raises(AccessForbidden):
        box.approvals.execute(deed, ann)
    with pytest.raises(AccessRefused):
        person(box, "ann")


def test_disabled_at_the_same_moment_it_is_done_or_it_is_not(box, audit):
    """Whatever comes first: nothing is executed after the record says that the approver is disabled."""
    for _ in range(12):
        deed, ann = approved(box, ERASE, KEY)
        cid = person(box, "cid")
        start, outcome = threading.Barrier(2), []

        def use(deed=deed, ann=ann, start=start, outcome=outcome):
            start.wait()
            try:
                box.approvals.use(deed, ERASE, KEY, ann)
                outcome.append("done")
            except ApprovalRefused:
                outcome.append("refused")

        thread = threading.Thread(target=use)
        thread.start()
        start.wait()
        box.people.disable("bob", cid)
        thread.join()
        tags = [(event.tag, event.subject) for event in audit.events]
        if outcome == ["done"]:
            changes = [event.details.get("change") for event in audit.events]
            off = max(at for at, change in enumerate(changes) if change == "disabled")
            assert tags.index(("access:approval:execute", deed)) < off
        else:
            assert ("access:approval:execute", deed) not in tags
        box.people.enable("bob", cid)


def test_an_approver_may_be_newer_than_the_request(box):
    ann, bob, clock = person(box, "ann"), person(box, "bob"), box.approvals._ground.clock
    asked = box.approvals.request(DEED, "eve", ann)
    clock.now += 60
    box.people.create("fay", PASSWORD, "clinician", box.local_grant())
    made = box.approvals.request(DEED, "fay", ann)
    box.approvals.approve(made.id, bob)
    box.approvals.execute(made.id, ann)
    clock.now += 60
    box.approvals.approve(asked.id, person(box, "fay"))
    assert box.approvals.execute(asked.id, ann).state == "executed"


def test_nobody_becomes_an_administrator_by_a_request_to_remove_one(box):
    with pytest.raises(ApprovalRefused, match="lower role"):
        box.approvals.request(
            "user.remove-administrator", "eve", person(box, "ann"), "administrator"
        )
    with pytest.raises(ApprovalRefused, match="no parameter"):
        box.approvals.request(DEED, "eve", person(box, "ann"), "auditor")


def test_the_record_tells_which_role_was_asked_for(box, audit):
    ann, bob = person(box, "ann"), person(box, "bob")
    asked = box.approvals.request("user.remove-administrator", "cid", ann, "auditor")
    box.approvals.approve(asked.id, bob)
    box.approvals.execute(asked.id, ann)
    told = [e.details["what"] for e in audit.events if e.tag.startswith("access:approval")]
    assert told == ["user.remove-administrator cid auditor"] * 3
