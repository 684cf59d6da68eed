"""The last administrator stays, also when two of them act against each other at the same moment."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from appliance.access.errors import LastAdministrator

PASSWORD = "correct horse battery 9"
DEEDS = {
    "disable": lambda box, name, by: box.people.disable(name, by),
    "remove": lambda box, name, by: box.people.remove(name, by),
    "lower": lambda box, name, by: box.people.set_role(name, "clinician", by),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_two_who_act_against_each_other_leave_one(service, deed):
    names = ("ann", "bob")
    for name in names:
        service.create_user(name, PASSWORD, "administrator")
    acting = [service.authenticate(f"Bearer {service.sign_in(n, PASSWORD).token}") for n in names]
    together, known = threading.Barrier(2), service.people._administrators

    def counted():
        found = known()
        # Where both may look before either acts, they do.
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.2)
        return found

    service.people._administrators = counted

    def act(place):
        try:
            DEEDS[deed](service, names[1 - place], acting[place])
        except LastAdministrator:
            return "refused"
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(act, (0, 1))) == ["done", "refused"]
    assert len(known()) == 1
