"""Signed notes, checkpoints and cosignatures: the specification's examples and tampering."""

import pytest

from secure_compute.errors import AlgorithmUnknown, KeyMalformed, NoteMalformed, SignatureInvalid
from secure_compute.note import (
    COSIGNATURE_TYPE,
    Checkpoint,
    Note,
    NoteKey,
    cosign_note,
    sign_note,
    verify_checkpoint,
    verify_note,
)
from secure_compute.signing import SigningKey, VerifyKey

SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOB"
    "H3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
KEY = SigningKey.from_seed(bytes(range(32)))
ROOT = bytes(range(100, 132))
HEAD = Checkpoint("box.example/log", 7, ROOT)


def test_the_specification_s_example_verifies():
    key = NoteKey.parse(SPEC_VKEY)
    note = Note.parse(SPEC_NOTE)
    assert verify_note(note, [key]) == (key,)
    assert note.to_bytes() == SPEC_NOTE
    assert key.vkey == SPEC_VKEY


def test_every_changed_byte_of_a_checkpoint_is_refused():
    signed = HEAD.sign(KEY).to_bytes()
    key = NoteKey("box.example/log", KEY.verify_key)
    assert verify_checkpoint(signed, key) == HEAD
    for at in range(len(signed)):
        for flip in (1, 0x20, 0x80):
            bad = bytearray(signed)
            bad[at] ^= flip
            with pytest.raises((NoteMalformed, SignatureInvalid)):
                verify_checkpoint(bytes(bad), key)
        with pytest.raises((NoteMalformed, SignatureInvalid)):
            verify_checkpoint(signed[:at], key)


def test_only_trusted_keys_count():
    other = SigningKey.generate()
    note = sign_note(HEAD.text, HEAD.origin, other)
    key = NoteKey(HEAD.origin, KEY.verify_key)
    with pytest.raises(SignatureInvalid):
        verify_note(note, [key])
    both = sign_note(HEAD.text, HEAD.origin, KEY, note.signatures)
    assert verify_note(both, [key]) == (key,)
    with pytest.raises(SignatureInvalid):
        verify_note(Note(both.text + "x\n", both.signatures), [key])
    renamed = sign_note(HEAD.text, "another.example", KEY)
    with pytest.raises(SignatureInvalid, match="not of another"):
        verify_checkpoint(renamed.to_bytes(), NoteKey("another.example", KEY.verify_key))


def test_a_witness_cosigns_the_same_text():
    witness = SigningKey.generate()
    key = NoteKey("witness.example/w1", witness.verify_key, COSIGNATURE_TYPE)
    note = cosign_note(HEAD.sign(KEY), key.name, witness, 1_679_315_147)
    parsed = Note.parse(note.to_bytes())
    log = NoteKey(HEAD.origin, KEY.verify_key)
    assert verify_note(parsed, [log, NoteKey.parse(key.vkey)]) == (log, key)
    line = parsed.signatures[1]
    late = type(line)(line.name, line.key_id, (1).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(SignatureInvalid):
        verify_note(Note(parsed.text, (late,)), [key])
    with pytest.raises(NoteMalformed):
        verify_note(Note(parsed.text, (type(line)(line.name, line.key_id, b"short"),)), [key])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n1\n",
        "o\n01\nAAAA\n",
        f"o\n-1\n{HEAD.text.splitlines()[2]}\n",
        "o\n1\nAAAA\n",
        HEAD.text[:-1],
        HEAD.text + "\n",
        "\n" + HEAD.text,
        HEAD.text.replace("7", "\u0667"),
        HEAD.text.replace("7", "9" * 19),
    ],
)
def test_malformed_checkpoint_texts(text):
    with pytest.raises(NoteMalformed):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a",
        "a+b+c",
        SPEC_VKEY[:-1],
        SPEC_VKEY.replace("530d", "530e"),
        SPEC_VKEY.replace("foo", "bar"),
        SPEC_VKEY + "=",
        "a b+00000000+AQ==",
    ],
)
def test_malformed_verifier_keys(vkey):
    with pytest.raises(NoteMalformed):
        NoteKey.parse(vkey)


def test_a_note_has_bounds():
    with pytest.raises(NoteMalformed, match="1 MiB"):
        Note.parse(b"a" * (1 << 20) + b"\n\n")
    with pytest.raises(NoteMalformed, match="signatures"):
        Note.parse(SPEC_NOTE + SPEC_NOTE.splitlines(keepends=True)[2] * 64)
    with pytest.raises(NoteMalformed):
        sign_note("no newline", "n", KEY)
    with pytest.raises(NoteMalformed):
        sign_note("text\n", "na me", KEY)


def test_keys_sign_verify_and_forget():
    key = SigningKey.generate()
    public = VerifyKey.from_bytes(key.verify_key.public)
    public.verify(key.sign(b"message"), b"message")
    assert public.key_id == key.key_id
    assert len(key.key_id) == 32
    for signature, message in [
        (key.sign(b"message"), b"massage"),
        (b"", b"message"),
        (bytes(64), b"message"),
    ]:
        with pytest.raises(SignatureInvalid):
            public.verify(signature, message)
    key.wipe()
    with pytest.raises(KeyMalformed):
        key.sign(b"message")
    with pytest.raises(KeyMalformed):
        SigningKey.from_seed(b"short")
    with pytest.raises(KeyMalformed):
        VerifyKey.from_bytes(b"short")
    with pytest.raises(AlgorithmUnknown):
        SigningKey.generate("rot13")
    with pytest.raises(SignatureInvalid):
        VerifyKey(b"\xff" * 32).verify(bytes(64), b"")
