"""Certificates of destruction: read by nobody's leave but the public key's, changed by nobody."""

import json

import pytest

from secure_compute.destruction import METHOD, Destruction, verify_destruction
from secure_compute.errors import NotCanonical, NoteMalformed, SignatureInvalid
from secure_compute.note import Note, NoteKey, sign_note
from secure_compute.signing import SM2_SM3, SigningKey

KEY = SigningKey.from_seed(bytes(range(32)))
BOX = NoteKey("wardbox/box", KEY.verify_key)
STATEMENT = Destruction(
    "wardbox/box",
    "patient",
    "病历 0042",
    ("patient:ab", "family.patient/3"),
    ("user:li",),
    1_770_000_000,
)


def test_a_certificate_says_what_was_destroyed():
    data = STATEMENT.sign(KEY)
    assert verify_destruction(data, BOX) == STATEMENT
    assert json.loads(data.decode().split("\n")[0])["method"] == METHOD


def test_both_signatures_must_hold_where_two_are_promised():
    also = SigningKey.generate(SM2_SM3)
    data = STATEMENT.sign(KEY, also)
    assert verify_destruction(data, BOX) == STATEMENT
    note = Note.parse(data)
    assert len(note.signatures) == 2
    ours = tuple(line for line in note.signatures if line.name == "wardbox/box")
    with pytest.raises(SignatureInvalid, match="second signature"):
        verify_destruction(Note(note.text, ours).to_bytes(), BOX)
    forged = STATEMENT.sign(KEY, SigningKey.generate(SM2_SM3))
    mixed = Note(note.text, (*ours, *Note.parse(forged).signatures)).to_bytes()
    with pytest.raises(SignatureInvalid):
        verify_destruction(mixed, BOX)


@pytest.mark.parametrize("also", [None, SigningKey.generate(SM2_SM3)])
def test_every_changed_byte_is_refused(also):
    data = STATEMENT.sign(KEY, also)
    for at in range(0, len(data), 3):
        bad = bytearray(data)
        bad[at] ^= 1
        with pytest.raises((SignatureInvalid, NoteMalformed, NotCanonical)):
            verify_destruction(bytes(bad), BOX)


def test_another_box_and_other_texts_are_refused():
    other = NoteKey("wardbox/other", KEY.verify_key)
    with pytest.raises(SignatureInvalid):
        verify_destruction(STATEMENT.sign(KEY), other)
    with pytest.raises(SignatureInvalid):
        verify_destruction(STATEMENT.sign(SigningKey.generate()), BOX)
    for text in ('{"a":1}\n', "[]\n", "null\n"):
        with pytest.raises(NoteMalformed):
            verify_destruction(sign_note(text, "wardbox/box", KEY).to_bytes(), BOX)
