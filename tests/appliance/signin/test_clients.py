"""Client certificates: the rights of their key, bound by fingerprint, dead at once when revoked."""

from datetime import UTC, datetime

import pytest

from appliance.access.errors import AccessForbidden, KeyUnknown, KeyWishInvalid
from appliance.access.grants import Grant, KeyWish
from appliance.signin.clients import ClientCertificates
from appliance.signin.errors import CertificateUnknown
from appliance.signin.store import SignInStore
from secure_compute.certificates import make_authority
from secure_compute.errors import CertificateRefused

CHAT = frozenset({"chat"})


@pytest.fixture
def clients(db, access, audit, clock):
    authority = make_authority("WardBox", datetime.fromtimestamp(clock(), UTC))

    def made():
        return ClientCertificates(SignInStore(db), access, audit, lambda: authority, clock, days=30)

    return made


def test_a_certificate_has_the_rights_of_its_key_and_outlives_a_restart(clients, access, audit):
    key = access.create_key(KeyWish("emr", CHAT))
    kept, issued = clients().issue("emr", key.id)
    assert b"PRIVATE KEY" in issued.key_pem
    peer = bytes.fromhex(kept.fingerprint)
    for one in (clients(), clients()):
        grant = one.grant_of_certificate(peer)
        assert grant is not None
        assert (grant.key_id, grant.scopes) == (key.id, CHAT)
    assert "access:certificate:issue" in audit.tags()
    assert clients().grant_of_certificate(bytes(32)) is None


def test_it_dies_when_revoked_with_its_key_and_with_time(clients, access, clock):
    one = clients()
    keys = [access.create_key(KeyWish(f"emr {i}", CHAT)).id for i in range(3)]
    kept = [one.issue("emr", key)[0] for key in keys]
    peers = [bytes.fromhex(each.fingerprint) for each in kept]
    shown = ":".join(kept[0].fingerprint.upper()[i : i + 2] for i in range(0, 64, 2))
    one.revoke(shown)
    access.revoke_key(keys[1])
    alive = [one.grant_of_certificate(peer) is not None for peer in peers]
    assert alive == [False, False, True]
    assert clients().grant_of_certificate(peers[0]) is None
    clock.now += 31 * 86_400
    assert one.grant_of_certificate(peers[2]) is None


@pytest.mark.parametrize("wrong", ["", "zz", "00" * 32, "é", "00"])
def test_an_unknown_fingerprint_is_a_sentence(clients, wrong):
    with pytest.raises(CertificateUnknown):
        clients().revoke(wrong)


def test_nobody_gives_away_more_than_they_have(clients, access):
    one = clients()
    key = access.create_key(KeyWish("all", CHAT | {"keys:write"}))
    small = Grant("user:x", CHAT, None, None, "clinician")
    with pytest.raises(KeyUnknown):
        one.issue("emr", key.id, by=small)
    for unknown in ("wbk_0000000000000000", "", "x" * 300):
        with pytest.raises(KeyUnknown):
            one.issue("emr", unknown)
    with pytest.raises(CertificateRefused):
        one.issue("a\nb", key.id)
    with pytest.raises(CertificateRefused):
        one.issue("emr", key.id, b"no request")
    assert one.all() == []


def test_a_key_gets_no_models_and_no_quota_by_the_certificate_of_another(clients, access):
    one, scopes = clients(), CHAT | {"keys:write"}
    free = access.create_key(KeyWish("free", CHAT))
    for wish, refusal in (
        (KeyWish("few", scopes, models=frozenset({"small"})), KeyUnknown),
        (KeyWish("slow", scopes, rpm=1), KeyWishInvalid),
    ):
        made = access.create_key(wish)
        by = access.authenticate(f"Bearer {made.secret}")
        with pytest.raises(refusal):
            one.issue("emr", free.id, by=by)
        assert one.issue("emr", made.id, by=by)[0].key_id == made.id


def test_a_fingerprint_is_taken_as_people_copy_it(clients, access):
    one = clients()
    kept, _ = one.issue("emr", access.create_key(KeyWish("emr", CHAT)).id)
    one.revoke(" " + " ".join(kept.fingerprint[i : i + 4] for i in range(0, 64, 4)) + "\n")
    assert one.grant_of_certificate(bytes.fromhex(kept.fingerprint)) is None
    assert clients().grant_of_certificate(bytes.fromhex(kept.fingerprint)) is None


def test_nobody_ends_a_certificate_that_may_do_more_than_they(clients, access, audit):
    one = clients()
    key = access.create_key(KeyWish("auditor", CHAT | {"audit:export"}))
    kept, _ = one.issue("auditor", key.id)
    with pytest.raises(AccessForbidden, match="audit:export"):
        one.revoke(kept.fingerprint, by=Grant("user:x", CHAT | {"keys:write"}, None, None, "it"))
    assert one.grant_of_certificate(bytes.fromhex(kept.fingerprint)) is not None
    assert "access:certificate:revoke" not in audit.tags()
