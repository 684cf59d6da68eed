"""Lockouts: by name and by address, longer each time, over restarts and clocks set back."""

import pytest

from appliance.access.attempts import network_of
from appliance.access.errors import (
    AccessRefused,
    LockedOut,
)
from appliance.access.service import AccessService

PASSWORD = "correct horse battery 9"


@pytest.fixture
def people(service):
    service.create_user("boss", PASSWORD, "administrator")
    service.create_user("li", PASSWORD, "clinician")
    return service


def fail(service, name, times, address=None):
    for _ in range(times):
        with pytest.raises(AccessRefused):
            service.sign_in(name, "not the password", address=address)


def test_each_lockout_lasts_twice_as_long_and_outlives_restarts(
    people, db, audit, clock, passwords, rules
):
    waits = []
    for _ in range(8):
        fail(people, "li", rules.failures)
        with pytest.raises(LockedOut) as locked:
            people.sign_in("li", PASSWORD)
        waits.append(locked.value.facts["seconds"])
        again = AccessService(db, audit, clock, passwords=passwords, rules=rules)
        with pytest.raises(LockedOut):
            again.sign_in("li", PASSWORD)
        again.close()
        clock.now += waits[-1]
    doubled = [900, 1800, 3600, 7200, 14400, 28800, 57600, 86400]
    assert waits == [wait + 1 for wait in doubled]
    people.sign_in("li", PASSWORD)
    fail(people, "li", rules.failures)
    with pytest.raises(LockedOut) as locked:
        people.sign_in("li", PASSWORD)
    assert locked.value.facts["seconds"] == 901


def test_an_address_is_locked_whatever_names_it_tries(people, rules, passwords):
    for number in range(rules.source_failures):
        fail(people, f"guess{number}", 1, address="10.0.0.7")
    compared = passwords.compared
    with pytest.raises(LockedOut):
        people.sign_in("li", PASSWORD, address="10.0.0.7")
    with pytest.raises(LockedOut):
        people.sign_in("li", PASSWORD, address="::ffff:10.0.0.7")
    assert passwords.compared == compared
    people.sign_in("li", PASSWORD, address="10.0.0.8")
    people.sign_in("li", PASSWORD)


def test_one_good_account_does_not_clear_an_address(people, rules):
    for _ in range(rules.source_failures + 1):
        fail(people, "nobody", 0)
        with pytest.raises((AccessRefused, LockedOut)):
            people.sign_in(f"x{_}", "wrong", address="10.0.0.9")
        try:
            people.sign_in("li", PASSWORD, address="10.0.0.9")
        except LockedOut:
            return
    pytest.fail("an address guessed on behind a good account")


def test_addresses_are_counted_by_line():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:1.2.3.4") == "1.2.3.4"
    assert network_of("' OR 1=1 --" * 20) == ("' OR 1=1 --" * 20)[:64]


def test_a_clock_set_back_does_not_forget_failures(people, clock, rules):
    fail(people, "li", rules.failures - 1)
    clock.now -= 60
    fail(people, "li", 1)
    with pytest.raises(LockedOut):
        people.sign_in("li", PASSWORD)


def test_a_name_like_an_address_or_a_directory_counts_for_itself(people, rules):
    fail(people, "10.0.0.7", rules.failures)
    people.sign_in("li", PASSWORD, address="10.0.0.7")


def test_a_lockout_of_a_clock_that_ran_years_ahead_ends_with_it(people, clock, rules):
    years = 10 * 365 * 86_400
    clock.now += years
    fail(people, "li", rules.failures, address="10.0.0.9")
    fail(people, "boss", rules.failures - 1, address="10.0.0.9")
    clock.now -= years - 60
    people.sign_in("li", PASSWORD, address="10.0.0.9")
    assert not any(user.locked for user in people.users())


def test_people_who_sign_in_rightly_lock_no_address(people, rules, clock):
    for number in range(rules.source_failures * 2):
        clock.now += 1
        people.sign_in("li" if number % 2 else "boss", PASSWORD, address="10.0.0.9")


def test_a_slip_counts_for_a_quarter_of_an_hour_however_many_sign_in(people, rules, clock):
    for number in range(rules.source_failures * 2):
        fail(people, f"slip{number}", 1, address="10.0.0.9")
        for _ in range(4):
            clock.now += rules.window_s / 3
            people.sign_in("li", PASSWORD, address="10.0.0.9")


def test_the_last_attempt_before_a_lockout_may_be_right(people, rules, clock):
    for number in range(rules.source_failures - 1):
        fail(people, f"guess{number}", 1, address="10.0.0.9")
    people.sign_in("li", PASSWORD, address="10.0.0.9")
    fail(people, "guess", 1, address="10.0.0.9")
    with pytest.raises(LockedOut):
        people.sign_in("li", PASSWORD, address="10.0.0.9")
