"""Proofs that stand by themselves: C2SP tlog-proof, written, read back and tampered with."""

import pytest

from secure_compute.errors import NoteMalformed, ProofInvalid, SignatureInvalid
from secure_compute.merkle import MemoryNodes, inclusion_proof, leaf_hash, leaf_hashes
from secure_compute.note import Checkpoint, NoteKey, cosign_note
from secure_compute.signing import SigningKey
from secure_compute.tlog_proof import TlogProof
from secure_compute.verifier.notes import parse_checkpoint, parse_key
from secure_compute.verifier.reading import from_base64
from secure_compute.verifier.tree import climb

KEY = SigningKey.from_seed(b"l" * 32)
LOG = NoteKey("example.com/fancylog", KEY.verify_key)
# The form of the example in the specification, with hashes and signatures that were made here.
KNOWN = """c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 1
dziFphNIniTOLPdhmdakI/BC5LvxLX7s7pEu8nbGVwE=
"""


def proof_of(index: int, size: int, extra: bytes = b"") -> tuple[TlogProof, bytes]:
    entries = [b"entry %d" % number for number in range(size)]
    nodes = MemoryNodes(leaf_hashes(entries))
    note = Checkpoint(LOG.name, size, nodes.frontier.root()).sign(KEY)
    note = cosign_note(note, "w.example", SigningKey.from_seed(b"w" * 32), 1_700_000_000)
    path = tuple(inclusion_proof(nodes, index, size))
    return TlogProof(index, path, note.to_bytes(), extra), leaf_hash(entries[index])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 255, 256, 257])
def test_a_proof_is_read_back_and_holds(size):
    for index in {0, size // 2, size - 1}:
        for extra in (b"", b"age-v1.2.1"):
            proof, leaf = proof_of(index, size, extra)
            again = TlogProof.parse(proof.to_bytes())
            assert again == proof
            assert again.verify(leaf, LOG).size == size
            with pytest.raises(ProofInvalid):
                again.verify(leaf_hash(b"other"), LOG)
            with pytest.raises(SignatureInvalid):
                again.verify(leaf, NoteKey(LOG.name, SigningKey.generate().verify_key))


def test_the_form_is_that_of_the_specification():
    text = proof_of(1, 2, b"age-v1.2.1-darwin-arm64.tar.gz")[0].to_bytes().decode()
    assert text.startswith(KNOWN + "\nexample.com/fancylog\n2\n")
    _, signatures = text[len(KNOWN) + 1 :].split("\n\n")
    assert len(signatures.splitlines()) == 2
    assert all(line.startswith("\u2014 ") for line in signatures.splitlines())


def test_the_auditor_s_program_reads_the_same_proof():
    proof, leaf = proof_of(5, 9)
    lines = proof.to_bytes().split(b"\n")
    head = parse_checkpoint(proof.checkpoint, parse_key(LOG.vkey))
    hashes = [from_base64(line.decode()) for line in lines[2 : lines.index(b"")]]
    assert climb(leaf, 5, head.size, hashes) == head.root


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v1\n\n",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nindex -1\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nextra ?\nindex 0\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nextra AB==\nindex 0\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\xff\n\nx\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\nx\n",
        b"index 0\n\nx\n",
    ],
)
def test_what_is_no_proof(data):
    with pytest.raises(NoteMalformed):
        TlogProof.parse(data)


def test_every_byte_counts():
    proof, leaf = proof_of(1, 3)
    good = proof.to_bytes()
    for at in range(len(good) - 200):  # the rest is the cosignature, which is for witnesses' keys
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises((NoteMalformed, ProofInvalid, SignatureInvalid)):
            TlogProof.parse(bad).verify(leaf, LOG)
