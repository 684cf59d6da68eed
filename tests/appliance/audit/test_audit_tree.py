"""The growing tree gives the roots and tiles of RFC 6962, however it is grown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.audit.tree import GrowingTree
from secure_compute.merkle import MemoryNodes, leaf_hash
from secure_compute.tiles import WIDTH, Tile, tile_bytes


@settings(max_examples=25)
@given(st.lists(st.integers(0, 700), max_size=6))
def test_any_batches_give_the_same_tree(batches):
    hashes = [leaf_hash(str(number).encode()) for number in range(sum(batches))]
    tree, done, tiles = GrowingTree(), 0, {}
    for batch in batches:
        tree, full = tree.grow(hashes[done : done + batch])
        done += batch
        tiles |= {(tile.level, tile.index): tile for tile in full}
    nodes = MemoryNodes(hashes)
    assert tree.frontier == nodes.frontier
    assert sorted(tiles) == [(0, index) for index in range(done // WIDTH)]
    for (level, index), tile in tiles.items():
        assert tile.hashes == tile_bytes(nodes, Tile(level, index))
        assert tile.root == nodes.node(8 * (level + 1), index)
    assert [len(row) for row in tree.rows] == (
        [done % WIDTH, done // WIDTH] if done >= WIDTH else [done]
    )[: len(tree.rows)]


def test_leaves_one_by_one_give_the_tree_of_all_of_them():
    hashes = [leaf_hash(str(number).encode()) for number in range(520)]
    one_by_one, tiles = GrowingTree(), []
    for number, value in enumerate(hashes, 1):
        one_by_one, full = one_by_one.grow([value])
        tiles += full
        if number % 37 == 0 or number % 256 < 2:
            assert one_by_one == GrowingTree().grow(hashes[:number])[0]
    assert tiles == list(GrowingTree().grow(hashes)[1])


def test_the_second_level_of_tiles_fills_too():
    hashes = [bytes([number % 251]) * 32 for number in range(256)]
    tree, seen = GrowingTree(), []
    for _ in range(257):
        tree, full = tree.grow(hashes)
        seen += [(tile.level, tile.index) for tile in full]
    assert (1, 0) in seen
    assert seen.count((1, 0)) == 1
    assert [len(row) for row in tree.rows] == [0, 1, 1]
    assert tree.size == 257 * 256
