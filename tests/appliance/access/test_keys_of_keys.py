"""Keys that were made by keys: they end with their maker, however far away it stands."""

import pytest

from appliance.access.errors import AccessForbidden, AccessRefused, KeyWishInvalid
from appliance.access.grants import KeyWish
from appliance.access.key_store import KeyStore
from appliance.access.keys import MAX_GENERATIONS
from appliance.access.limits import Limits
from appliance.access.service import AccessService

MAKER = frozenset({"keys:write", "chat"})


def make(service, by=None, **wish):
    made = service.create_key(
        KeyWish("k", **{"scopes": MAKER, **wish}), by or service.local_grant()
    )
    return made.id, f"Bearer {made.secret}"


def test_a_key_does_not_outlive_the_expiry_of_its_maker(service, clock, db, audit, passwords):
    _, header = make(service, expires=clock.now + 100)
    child, child_header = make(service, service.authenticate(header))
    _, grandchild = make(service, service.authenticate(child_header), scopes=frozenset({"chat"}))
    under_way = service.authenticate(grandchild)
    clock.now += 99
    assert service.authenticate(grandchild).scopes == {"chat"}
    clock.now += 1
    for dead in (header, child_header, grandchild):
        with pytest.raises(AccessRefused):
            service.authenticate(dead)
    assert not service.alive(under_way)
    assert service.grant_of_key(child) is None
    assert sorted(key.state for key in service.api_keys.all()) == [
        "expired",
        "suspended",
        "suspended",
    ]
    again = AccessService(db, audit, clock, passwords=passwords)
    with pytest.raises(AccessRefused):
        again.authenticate(grandchild)
    again.close()


def test_keys_make_keys_over_so_many_generations(service):
    _, header = make(service)
    for _ in range(MAX_GENERATIONS - 1):
        _, header = make(service, service.authenticate(header))
    with pytest.raises(KeyWishInvalid, match="generations"):
        make(service, service.authenticate(header))


def test_a_very_long_line_of_keys_dies_with_the_first(service, db, clock, audit, passwords):
    first, header = make(service)
    second, _ = make(service, service.authenticate(header))
    keys = KeyStore(db)
    second_key = keys.get(second, clock.now)
    with db.write() as tx:
        # As an older release let them be made: each by the one before.
        for number in range(1200):
            owner = f"key:wbk_{number - 1:016x}" if number else f"key:{second}"
            tx.execute(
                "INSERT INTO access_keys (id, name, owner, scopes, created, salt, digest)"
                " VALUES (?, 'k', ?, '[\"chat\"]', ?, ?, ?)",
                [f"wbk_{number:016x}", owner, clock.now, second_key.salt, second_key.digest],
            )
    again = AccessService(db, audit, clock, passwords=passwords)
    last = "wbk_00000000000004af"
    assert again.grant_of_key(last).scopes == {"chat"}
    again.revoke_key(first)
    assert again.grant_of_key(last) is None
    again.close()


def test_a_key_with_limits_makes_no_keys_without(service):
    _, header = make(service, rpm=1)
    with pytest.raises(KeyWishInvalid, match="limits"):
        make(service, service.authenticate(header))


def test_a_key_lifts_no_limits_of_the_one_that_made_it(service):
    maker, header = make(service)
    _, child = make(service, service.authenticate(header))
    service.api_keys.set_limits(maker, Limits(rpm=1), service.local_grant())
    with pytest.raises(AccessForbidden):
        service.api_keys.set_limits(maker, Limits(), service.authenticate(child))
