"""Ways through the cryptography that are seldom taken: odd keys, old kernels, missing libraries."""

import ctypes
import hashlib
import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from secure_compute import groups, libcrypto, locked, plug, stream, tiles
from secure_compute.certificates import Credential, ends, issue_server, make_authority
from secure_compute.chains import judge_chain, names_in, requested_key
from secure_compute.counted import CountedKey
from secure_compute.destruction import Destruction, verify_destruction
from secure_compute.digest import digest_bytes
from secure_compute.envelope import seal, unseal
from secure_compute.errors import (
    AlgorithmUnknown,
    CertificateRefused,
    KeyMalformed,
    ModuleMissing,
    NoteMalformed,
    SealBroken,
    SealMalformed,
    SignatureInvalid,
    TreeRangeInvalid,
)
from secure_compute.keyring import Keyring
from secure_compute.merkle import Frontier, MemoryNodes, leaf_hashes
from secure_compute.note import Note, NoteKey, sign_note
from secure_compute.relay import open_with
from secure_compute.secret import Secret
from secure_compute.shares import split
from secure_compute.signing import SigningKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = SigningKey.from_seed(bytes(range(32)))


def test_certificates_of_odd_keys():
    authority = make_authority("WardBox", NOW)
    assert ends(authority.certificate_pem) == NOW + timedelta(days=3650)
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CertificateRefused, match="not ECDSA"):
        issue_server(Credential(authority.certificate_pem, pem), ["box"], NOW)
    server = issue_server(authority, ["Box.hospital.cn", "10.0.0.1"], NOW)
    assert names_in(server.certificate_pem) == ("box.hospital.cn", "10.0.0.1")
    assert names_in(b"no certificate") == ()
    assert names_in(authority.certificate_pem) == ()
    with pytest.raises(CertificateRefused, match="too large"):
        judge_chain(server.certificate_pem, b"x" * (1 << 21), [], NOW)
    key = ed448.Ed448PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, None)
    with pytest.raises(CertificateRefused):
        requested_key(request.public_bytes(Encoding.PEM))


def test_a_server_s_certificate_without_basic_constraints():
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.hashes import SHA256

    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "box")])
    names = x509.SubjectAlternativeName([x509.DNSName("box")])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    made = made.public_key(key.public_key()).serial_number(5).add_extension(names, critical=False)
    made = made.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9)).sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = judge_chain(made.public_bytes(Encoding.PEM), pem, ["box"], NOW + timedelta(days=1))
    assert chain.names == ("box",)


def test_notes_keys_and_trees_that_are_none():
    with pytest.raises(NoteMalformed):
        CountedKey.parse("a+00000000+A")
    with pytest.raises(NoteMalformed, match="not an Ed25519 key"):
        NoteKey.parse("a+00000000+AgAA")
    with pytest.raises(NoteMalformed, match="too short"):
        Note.parse("text\n\n\u2014 name AAAA\n".encode())
    with pytest.raises(TreeRangeInvalid, match="32 bytes"):
        Frontier(1, (b"x",))


def test_only_so_many_tiles_are_kept(monkeypatch):
    monkeypatch.setattr(tiles, "KEPT", 2)
    memory = MemoryNodes(leaf_hashes(b"%d" % number for number in range(256 * 4)))
    nodes = tiles.TileNodes(lambda tile: tiles.tile_bytes(memory, tile), 256 * 4)
    for number in (0, 1, 2, 3, 0):
        assert nodes.node(8, number) == memory.node(8, number)
        assert nodes.node(3, number * 32) == memory.node(3, number * 32)


def test_digests_that_this_openssl_has_not(monkeypatch):
    def missing(*_, **__):
        raise ValueError("unsupported hash type")

    monkeypatch.setattr(hashlib, "new", missing)
    with pytest.raises(AlgorithmUnknown):
        digest_bytes(b"x")


def test_spare_bits_of_groups_are_checked():
    text = groups.grouped(b"\x01")
    signs = "0123456789abcdefghjkmnpqrstvwxyz"
    wrong = 0
    for place in range(len(text)):
        for sign in signs + signs.upper():
            bad = text[:place] + sign + text[place + 1 :]
            try:
                assert groups.ungrouped(bad, 1, lambda **_: KeyMalformed(reason="x")) == b"\x01"
            except (KeyMalformed, TypeError):
                wrong += 1
    assert wrong


def test_keys_give_what_they_are_asked_for_and_tell_no_secret():
    with Secret(bytes(32)) as root, Secret(b"e" * 32) as other:
        ring = Keyring(root)
        assert ring.root.reveal() == bytes(32)
        kept = ring.escrow(other, "backup")
        assert bytes(unseal(kept, other)) == bytes(32)
        with pytest.raises(KeyMalformed):
            split(b"short", 2, 3)
    assert KEY.seed() == bytes(range(32))
    assert "SigningKey(" in repr(KEY)
    assert KEY.seed().hex() not in repr(KEY)
    assert len(Secret(b"")) == len(Secret.random(0)) == 0


def test_an_old_slot_is_sealed_under_the_key_itself():
    with Secret(b"k" * 32) as key, Secret(b"r" * 32) as root:
        sealed = seal(root.reveal(), key, "slot", b"aad")
        with open_with(key, None, sealed, b"aad") as opened:
            assert opened.reveal() == root.reveal()
        with pytest.raises(SealBroken):
            open_with(key, None, sealed, b"other")


def test_a_stream_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(stream, "_MAX_CHUNKS", 2)
    assert len(list(stream._chunks(io.BytesIO(b"x" * 8), 4))) == 2
    with pytest.raises(SealMalformed, match="4 PiB"):
        list(stream._chunks(io.BytesIO(b"x" * 12), 4))


def signed_destruction(**changes) -> bytes:
    whole = Destruction("wardbox/box", "patient", "p", ("k",), ("user:li",), 5).sign(KEY)
    value = json.loads(Note.parse(whole).text) | changes
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    return sign_note(text, "wardbox/box", KEY).to_bytes()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"box": "wardbox/other"}, SignatureInvalid),
        ({"time": "5"}, NoteMalformed),
        ({"keys": "k"}, NoteMalformed),
        ({"by": [5]}, NoteMalformed),
        ({"sm2": "?"}, NoteMalformed),
        ({"sm2": 5}, NoteMalformed),
        ({"sm2": "AAAA"}, KeyMalformed),
        ({"format": "other"}, NoteMalformed),
    ],
)
def test_certificates_of_destruction_that_lie(changes, kind):
    box = NoteKey("wardbox/box", KEY.verify_key)
    assert verify_destruction(signed_destruction(), box).subject == "p"
    with pytest.raises(kind):
        verify_destruction(signed_destruction(**changes), box)


def test_memory_that_cannot_be_locked_or_advised(monkeypatch):
    monkeypatch.setattr(locked, "_DONTDUMP", 12_345)
    page = locked._Page(locked.PAGE)
    assert len(page.view) == locked.PAGE
    monkeypatch.setattr(locked, "_mlock", lambda *_: False)
    arena = locked.Arena()
    arena.take(32)
    assert arena.use().unlocked == arena.use().pages > 0


def test_a_c_library_that_knows_no_mlock(monkeypatch):
    def missing(*_, **__):
        raise OSError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert locked._mlock(0, 0) is False
    libcrypto._library.cache_clear()
    try:
        with pytest.raises(ModuleMissing):
            libcrypto._library()
    finally:
        libcrypto._library.cache_clear()


def test_keys_of_sm2_that_are_none(monkeypatch):
    with pytest.raises(KeyMalformed, match="16 bytes"):
        libcrypto.public(bytes(16))
    with pytest.raises(AttributeError, match="EVP_nothing"):
        libcrypto._library().EVP_nothing  # noqa: B018
    monkeypatch.setattr(libcrypto, "_PUBLIC_HEAD", b"other")
    with pytest.raises(KeyMalformed, match="SM2"):
        libcrypto.public(b"\x01" * 32)


class Wrong(plug.OpenSslModule):
    """A module that answers other than the standards do."""

    def sm3(self, data):
        return bytes(32)

    def sm4_gcm(self, key):
        return super().sm4_gcm(bytes(16))

    def sm2_public(self, seed):
        return bytes(65)


def test_a_module_that_answers_wrongly_is_found():
    assert plug.faults(plug.OpenSslModule()) == []
    assert plug.faults(Wrong()) == ["sm3", "sm4", "sm2"]
    with pytest.raises(InvalidTag):
        plug.OpenSslModule().sm4_gcm(bytes(16)).decrypt(bytes(12), b"short", None)


def test_a_tpm_without_its_library(monkeypatch):
    from secure_compute.slot_errors import TpmUnavailable
    from secure_compute.tpm import Tpm

    monkeypatch.setitem(sys.modules, "tpm2_pytss", None)
    with pytest.raises(TpmUnavailable, match="tpm2-tss"):
        Tpm("device:/dev/none").read((7,))
