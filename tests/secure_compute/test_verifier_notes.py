"""The auditor's reading of notes, keys, cosignatures and checkpoints of the past, held against ours."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_compute.counted import Count, CountedKey
from secure_compute.note import Note, NoteKey
from secure_compute.signing import SigningKey
from secure_compute.verifier.notes import WITNESS_KIND, is_cosigned, parse_key, parse_note
from tests.secure_compute.exports import ORIGIN, VKEY, export, leaf, leaves, seal

WITNESS = ("w.example", SigningKey.from_seed(b"w" * 32))
WITNESS_KEY = NoteKey(WITNESS[0], WITNESS[1].verify_key, 4).vkey


def signer(number: int):
    return derive_private_key(number, SECP256R1())


def point(private) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def signed(private, message: bytes) -> bytes:
    r, s = decode_dss_signature(private.sign(message, ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_keys_that_are_none():
    tpm = CountedKey("box/cosigner", point(signer(9))).vkey
    assert parse_key(tpm, WITNESS_KIND).public == point(signer(9))
    assert parse_key(WITNESS_KEY, WITNESS_KIND).line == WITNESS_KEY
    for bad in (VKEY, "", "a+b+c", tpm[:-4], WITNESS_KEY.replace("w.example", "w.exemple")):
        with pytest.raises(Exception, match="witness key"):
            parse_key(bad, WITNESS_KIND)
    for bad in (WITNESS_KEY, tpm):
        with pytest.raises(Exception, match="box key is malformed"):
            parse_key(bad)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=",
        b"text\n\n- name AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name ?\n",
    ],
)
def test_notes_that_are_none(data):
    assert parse_note(data) is None


def test_a_cosigned_export_is_demanded_and_told(auditor):
    export(auditor.folder, leaves(9), witness=WITNESS, history=[3, 5])
    status, text = auditor.judge("--witness", WITNESS_KEY)
    assert status == 0, text
    assert "w.example witnessed the first 9 entries on 2027-01-15" in text
    assert "2 checkpoints of the past agree" in text
    pin = auditor.folder.parent / "witness.vkey"
    pin.write_text(WITNESS_KEY + "\n")
    assert auditor.judge("--witness", str(pin))[0] == 0
    other = NoteKey("w.example", SigningKey.generate().verify_key, 4).vkey
    status, text = auditor.judge("--witness", other)
    assert status == 1
    assert "cosigned no checkpoint" in text
    status, text = auditor.judge("--witness", VKEY)
    assert status == 1
    assert "witness key is malformed" in text


@pytest.mark.parametrize("at", [-70, -60, -10])
def test_a_broken_cosignature_is_named(auditor, at):
    export(auditor.folder, leaves(9), witness=WITNESS, history=[3])
    path = auditor.folder / "checkpoint"
    lines = path.read_bytes().splitlines()
    raw = bytearray(base64.b64decode(lines[-1].split()[-1]))
    raw[at] ^= 1
    lines[-1] = b" ".join([*lines[-1].split()[:-1], base64.b64encode(raw)])
    path.write_bytes(b"\n".join(lines) + b"\n")
    seal(auditor.folder)
    status, text = auditor.judge("--witness", WITNESS_KEY)
    assert status == 1
    assert auditor.judge()[0] == 0  # who was not asked about is not judged
    assert "cosignature of the witness w.example" in text


def test_the_counted_cosignature_of_a_tpm_is_checked(auditor):
    private = signer(77)
    key = CountedKey(f"{ORIGIN}/cosigner", point(private))
    export(auditor.folder, leaves(9))
    path = auditor.folder / "checkpoint"
    note = Note.parse(path.read_bytes())
    count = Count(1_800_000_000, 41)
    line = key.line(count, signed(private, count.message(note.text)))
    key.check(note.text, line)
    path.write_bytes(Note(note.text, (*note.signatures, line)).to_bytes())
    seal(auditor.folder)
    status, text = auditor.judge("--witness", key.vkey)
    assert status == 0, text
    assert "cosigner witnessed the first 9 entries" in text
    assert not is_cosigned(note.text, key.public, line.signature[:-1])
    assert not is_cosigned(note.text + "x", key.public, line.signature)
    assert not is_cosigned(note.text, key.public, b"\x00" * 8 + line.signature[8:])


HISTORIES = [
    (lambda lines: [lines[0], lines[0]], "line 2 of checkpoints.ndjson is doubled"),
    (lambda lines: lines[::-1], "line 2 of checkpoints.ndjson is doubled"),
    (lambda lines: [b"{"], "line 1 of checkpoints.ndjson is not valid JSON"),
    (lambda lines: [b"[]"], "line 1 of checkpoints.ndjson is malformed"),
    (lambda lines: [b'{"note":5}'], "is malformed"),
    (lambda lines: [lines[0][:-1] + b',"x":1}'], "is malformed"),
    (lambda lines: [b'{"note":"wardbox/box-7\\n3\\n"}'], "no valid signature"),
    (lambda lines: [b'{"note":"\\ud800"}'], "no valid signature"),
    (
        lambda lines: [
            json.dumps({"note": json.loads(lines[0])["note"].replace("3", "4")}).encode()
        ],
        "no valid",
    ),
]


@pytest.mark.parametrize(("change", "words"), HISTORIES)
def test_checkpoints_of_the_past_that_lie(auditor, change, words):
    export(auditor.folder, leaves(9), history=[3, 5])
    path = auditor.folder / "checkpoints.ndjson"
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().splitlines())))
    seal(auditor.folder)
    status, text = auditor.judge()
    assert status == 1
    assert words in text


@pytest.mark.parametrize("pick", [None, lambda i: i == 7])
def test_a_past_that_is_not_the_beginning_of_this_log(auditor, pick):
    export(auditor.folder, [leaf(0, actor="mallory"), *leaves(9)[1:]], history=[5])
    other = (auditor.folder / "checkpoints.ndjson").read_bytes()
    export(auditor.folder, leaves(9), history=[5], parts={"checkpoints.ndjson": other}, pick=pick)
    status, text = auditor.judge()
    assert status == 1
    assert "its history was rewritten" in text
    export(auditor.folder, leaves(12), history=[11])
    later = (auditor.folder / "checkpoints.ndjson").read_bytes()
    export(auditor.folder, leaves(9), parts={"checkpoints.ndjson": later}, pick=pick)
    assert "larger than the log" in auditor.judge()[1]


def test_a_checkpoint_of_another_log_under_the_same_key(auditor):
    export(auditor.folder, leaves(9))
    from secure_compute.note import sign_note
    from tests.secure_compute.exports import KEY

    for text in (
        "other/log\n9\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n09\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n9\n",
    ):
        note = sign_note(text, ORIGIN, KEY)
        (auditor.folder / "checkpoint").write_bytes(note.to_bytes())
        status, said = auditor.judge()
        assert status == 1
        assert "checkpoint is malformed" in said
