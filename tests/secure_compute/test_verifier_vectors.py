"""The auditor's arithmetic against vectors of others: RFC 6962 proofs, and the notes of C2SP's pages."""

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest

from secure_compute.verifier.notes import parse_note
from secure_compute.verifier.tree import climb, fold, hash_leaf

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).resolve().parents[2].parent / "shared"))
VECTORS = DATA / "fixtures/rfc6962/transparency-dev-merkle-testdata/inclusion"
SPECS = DATA / "fixtures/c2sp-specs"
# RFC 6962 2.1: the empty tree, and the leaves of the widely used test tree of eight.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LEAVES += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def peaks_of(hashes: list[bytes]) -> list[bytes]:
    """The complete subtrees, largest first, by the definition alone."""
    if not hashes:
        return []
    width = 1 << (len(hashes).bit_length() - 1)
    row = hashes[:width]
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=True)
        row = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return [row[0], *peaks_of(hashes[width:])]


@pytest.mark.parametrize("size", ROOTS)
def test_the_trees_that_everybody_tests_with(size):
    hashes = [hash_leaf(bytes.fromhex(leaf)) for leaf in LEAVES[:size]]
    assert fold(peaks_of(hashes)).hex() == ROOTS[size]


def test_inclusion_proofs_of_others():
    paths = sorted(VECTORS.rglob("*.json"))
    if not paths:
        pytest.skip("the vectors of RFC 6962 are not at hand")
    for path in paths:
        vector = json.loads(path.read_text())
        proof = [base64.b64decode(one) for one in vector["proof"] or []]
        leaf, root = (base64.b64decode(vector[name] or "") for name in ("leafHash", "root"))
        index, size = vector["leafIdx"], vector["treeSize"]
        holds = 0 <= index < size and climb(leaf, index, size, proof) == root
        assert holds != vector["wantErr"], path.name


@pytest.mark.parametrize("name", ["tlog-checkpoint.md", "tlog-cosignature.md"])
def test_the_notes_on_the_pages_of_c2sp_are_read(name):
    if not (SPECS / name).is_file():
        pytest.skip("the specifications of C2SP are not at hand")
    text = (SPECS / name).read_text(encoding="utf-8")
    examples = [part for part in text.split("```")[1::2] if part.startswith("\nexample.com")]
    assert examples
    for example in examples:
        note = parse_note(example.lstrip("\n").encode())
        assert note is not None
        assert note.text.splitlines()[1].isdigit()
        assert note.signatures[0][0] == "example.com/behind-the-sofa"
        assert all(len(key_id) == 4 for _, key_id, _ in note.signatures)
