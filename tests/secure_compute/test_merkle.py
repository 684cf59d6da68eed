"""The Merkle tree against the public vectors, a naive tree, and every small size."""

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_compute.errors import ProofInvalid, TreeRangeInvalid
from secure_compute.merkle import (
    EMPTY_ROOT,
    Frontier,
    MemoryNodes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from secure_compute.tiles import Tile, TileNodes, tile_bytes, tiles_of


def _vectors(kind: str) -> list[dict[str, object]]:
    data = Path(
        os.environ.get("WARDBOX_DATA", Path(__file__).resolve().parents[2].parent / "shared")
    )
    folder = data / "fixtures/rfc6962/transparency-dev-merkle-testdata" / kind
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]


def _decode(values: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in values or []]


def naive_root(hashes: list[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(naive_root(hashes[:split]), naive_root(hashes[split:]))


LEAVES = leaf_hashes(bytes([n]) * n for n in range(80))


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_every_public_vector(kind):
    vectors = _vectors(kind)
    if not vectors:
        pytest.skip("the RFC 6962 vectors are not on this machine")
    for vector in vectors:
        check = _inclusion if kind == "inclusion" else _consistency
        if vector["wantErr"]:
            with pytest.raises(ProofInvalid):
                check(vector)
        else:
            check(vector)


def _inclusion(v):
    leaf, root = base64.b64decode(v["leafHash"]), base64.b64decode(v["root"])
    verify_inclusion(leaf, v["leafIdx"], v["treeSize"], _decode(v["proof"]), root)


def _consistency(v):
    one, two = base64.b64decode(v["root1"]), base64.b64decode(v["root2"])
    verify_consistency(v["size1"], v["size2"], _decode(v["proof"]), one, two)


def test_append_extend_and_naive_agree_at_every_size():
    frontier = Frontier()
    for size in range(len(LEAVES) + 1):
        expected = naive_root(LEAVES[:size])
        assert frontier.root() == expected == root_of(LEAVES[:size])
        if size < len(LEAVES):
            frontier = frontier.append(LEAVES[size])


@given(st.lists(st.integers(0, 23), max_size=12))
def test_batches_of_any_size_make_the_same_tree(batches):
    frontier, nodes, at = Frontier(), MemoryNodes(), 0
    for batch in batches:
        part = [leaf_hash(b"%d" % n) for n in range(at, at + batch)]
        frontier, runs = frontier.extend(part)
        nodes.extend(part)
        at += batch
        for run in runs:
            assert [nodes.node(run.level, run.first + i) for i in range(len(run.hashes))] == list(
                run.hashes
            )
    assert frontier == nodes.frontier == Frontier.from_nodes(nodes, at)
    assert frontier.root() == naive_root([leaf_hash(b"%d" % n) for n in range(at)])


def test_every_proof_of_every_small_tree_holds_and_no_other():
    nodes = MemoryNodes(LEAVES)
    roots = [root_of(LEAVES[:n]) for n in range(41)]
    for size in range(1, 41):
        for index in range(size):
            proof = inclusion_proof(nodes, index, size)
            verify_inclusion(LEAVES[index], index, size, proof, roots[size])
            with pytest.raises(ProofInvalid):
                verify_inclusion(LEAVES[index], index, size, [*proof, LEAVES[0]], roots[size])
            with pytest.raises(ProofInvalid):
                verify_inclusion(LEAVES[index + 1], index, size, proof, roots[size])
            if proof:
                with pytest.raises(ProofInvalid):
                    verify_inclusion(LEAVES[index], index, size, proof[:-1], roots[size])
        for old in range(1, size + 1):
            proof = consistency_proof(nodes, old, size)
            verify_consistency(old, size, proof, roots[old], roots[size])
            if old < size:
                with pytest.raises(ProofInvalid):
                    verify_consistency(old, size, proof, roots[old - 1], roots[size])
                with pytest.raises(ProofInvalid):
                    verify_consistency(old, size, [*proof, LEAVES[3]], roots[old], roots[size])
                with pytest.raises(ProofInvalid):
                    verify_consistency(old, size, proof[:-1], roots[old], roots[size])


def test_questions_outside_the_tree_are_refused():
    nodes = MemoryNodes(LEAVES[:7])
    for index, size in [(-1, 7), (7, 7), (0, 0), (3, 9)]:
        with pytest.raises(TreeRangeInvalid):
            inclusion_proof(nodes, index, size)
    for old, new in [(0, 7), (8, 7), (-1, 3)]:
        with pytest.raises(TreeRangeInvalid):
            consistency_proof(nodes, old, new)
    with pytest.raises(TreeRangeInvalid):
        nodes.node(2, 1)
    with pytest.raises(TreeRangeInvalid):
        Frontier(3, (LEAVES[0],))


def test_tile_paths_follow_the_specification():
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(1, 0, 17).path == "tile/1/000.p/17"
    tiles = list(tiles_of(70_000))
    assert sum(t.level == 0 and t.width == 256 for t in tiles) == 273
    assert Tile(0, 273, 112) in tiles
    assert [t for t in tiles if t.level] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert list(tiles_of(600, since=520)) == [Tile(0, 2, 88), Tile(1, 0, 2)]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 66_000])
def test_nodes_read_back_from_tiles(size):
    hashes = [leaf_hash(b"%d" % n) for n in range(size)]
    nodes = MemoryNodes(hashes)
    stored = {tile.path: tile_bytes(nodes, tile) for tile in tiles_of(size)}
    tiled = TileNodes(lambda tile: stored[tile.path], size)
    root = nodes.frontier.root()
    assert Frontier.from_nodes(tiled, size).root() == root
    for index in {0, size // 2, size - 1}:
        proof = inclusion_proof(tiled, index, size)
        verify_inclusion(hashes[index], index, size, proof, root)
    with pytest.raises(TreeRangeInvalid):
        tiled.node(0, size)
    with pytest.raises(TreeRangeInvalid):
        TileNodes(lambda _: b"short", size).node(0, 0)
