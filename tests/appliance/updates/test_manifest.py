"""Package manifests: what the one good form is, and that every other is refused in a sentence."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.updates.errors import MetadataRefused
from appliance.updates.manifest import MAX_CHUNK, MAX_MANIFEST, Blob, Chunk
from appliance.updates.reading import read_package, safe_path
from secure_compute.canonical import canonical_bytes

A, B, C = "a" * 64, "b" * 64, "c" * 64
EMPTY = sha256().hexdigest()
Change = Callable[[dict[str, Any]], object]


def document() -> dict[str, Any]:
    return {
        "schema": "wardbox-package-v1",
        "kind": "data",
        "id": "codes",
        "version": "1.2.0",
        "title": {"zh": "编码", "en": "Codes"},
        "requires": {"wardbox": ["1.0.0"], "hardware": ["nvidia-80g"], "box": "wardbox/a1"},
        "files": [
            {"name": "files/a", "size": 5, "mode": "0644", "sha256": C, "chunks": [[A, 3], [B, 2]]},
            {"name": "files/b/c.txt", "size": 0, "mode": "0755", "sha256": EMPTY, "chunks": []},
        ],
        "supply": {A: {"blob": A, "size": 3, "form": "plain"}},
    }


def release() -> dict[str, Any]:
    data = document()
    data.update(kind="software", id="wardbox", database={"schema": 7, "downtime_s": 60})
    for file in data["files"]:
        file["name"] = file["name"].replace("files/", "release/")
    return data


def model() -> dict[str, Any]:
    data = document()
    data.update(kind="models", id="demo-1", version="1.0")
    row = {"name": "card.json", "size": 2, "mode": "0644", "sha256": B, "chunks": [[B, 2]]}
    data["files"] = [row, *data["files"]]
    return data


def read(data: object) -> Any:
    return read_package(canonical_bytes(data), "x")


@pytest.mark.parametrize("made", [document, release, model])
def test_the_good_form_is_read_and_written_alike(made):
    raw = canonical_bytes(made())
    package = read_package(raw, "x")
    assert package.to_bytes() == raw
    assert package.digest == sha256(raw).hexdigest()
    assert package.target.count("/") == 3
    assert package.place.endswith(f"{package.digest}.package.json")


def test_what_is_read():
    package = read(document())
    assert list(package.chunks()) == [Chunk(A, 3), Chunk(B, 2)]
    assert list(package.blobs()) == [Blob(A, 3, "plain")]
    assert (package.size, package.shipped) == (5, 3)
    assert package.files[1].mode == 0o755
    assert package.requires.box == "wardbox/a1"


def test_the_content_is_the_same_however_it_is_shipped():
    one, other = document(), document()
    other["supply"] = {}
    assert read(one).content == read(other).content
    assert read(one).digest != read(other).digest
    other["files"][0]["sha256"] = A
    assert read(one).content != read(other).content


def _file(**facts: object) -> Change:
    return lambda data: data["files"][0].update(facts)


def _supply(**facts: object) -> Change:
    return lambda data: data["supply"][A].update(facts)


def _requires(**facts: object) -> Change:
    return lambda data: data["requires"].update(facts)


def _chunks(*rows: object) -> Change:
    return _file(chunks=list(rows))


CHANGES: list[Change] = [
    lambda d: d.update(more=1),
    lambda d: d.pop("supply"),
    lambda d: d.update(schema="wardbox-package-v2"),
    lambda d: d.update(kind="firmware"),
    lambda d: d.update(kind=["data"]),
    lambda d: d.update(id=""),
    lambda d: d.update(id="Codes"),
    lambda d: d.update(id="a..b"),
    lambda d: d.update(id="a" * 65),
    lambda d: d.update(version="../1"),
    lambda d: d.update(version="1..2"),
    lambda d: d.update(version=1),
    lambda d: d.update(title="x"),
    lambda d: d["title"].update(zh=""),
    lambda d: d["title"].update(en="\x1b[31m"),
    lambda d: d["title"].update(en="\u202eevil"),
    lambda d: d["title"].update(fr="x"),
    lambda d: d.update(requires=[]),
    _requires(gpu=["x"]),
    _requires(wardbox=[]),
    _requires(wardbox="1.0.0"),
    _requires(wardbox=["1.0.0", "1.0.0"]),
    _requires(hardware=[1]),
    _requires(hardware=[f"h{n}" for n in range(65)]),
    _requires(box=None),
    _requires(box=""),
    lambda d: d.update(files=[]),
    lambda d: d.update(files={}),
    lambda d: d["files"].reverse(),
    lambda d: d["files"].insert(0, d["files"][0]),
    lambda d: d["files"][1].update(name="files/A"),
    lambda d: d["files"][1].update(name="files/a/b"),
    lambda d: d["files"][0].pop("mode"),
    _file(mode="4755"),
    _file(mode=0o644),
    _file(sha256="A" * 64),
    _file(sha256=A[:-1]),
    _file(size=4),
    _file(size=6),
    _file(size=True),
    _file(size=-1),
    _file(size=5.0),
    _file(size=1 << 51),
    _chunks([A, 3], [B, 3]),
    _chunks([A, 5]),
    _chunks([A, 3], [A, 2]),
    _chunks([A, 6], [B, -1]),
    _chunks([A, 5], [B, 0]),
    _chunks([A, 3], [B, True], [C, 1]),
    _chunks([A, 3], [B, 2, 1]),
    _chunks([A, 3], "ab"),
    _chunks([A, 3], [None, 2]),
    lambda d: d["files"][0].update(size=MAX_CHUNK + 1, chunks=[[C, MAX_CHUNK + 1]]),
    lambda d: d["supply"].update({"d" * 64: {"blob": "d" * 64, "size": 1, "form": "plain"}}),
    lambda d: d.update(supply=[]),
    _supply(form="tar"),
    _supply(form="zstd"),
    _supply(form="zstd", blob=B, size=3),
    _supply(form="zstd", blob=A, size=2),
    _supply(form="delta", blob=B, size=2),
    _supply(form="delta", blob=B, size=2, base=A),
    _supply(form="delta", blob=B, size=2, base="x"),
    _supply(base=B),
    _supply(blob=B),
    _supply(size=2),
    _supply(size=0),
    _supply(size=4),
    _supply(more=1),
    lambda d: d.update(database={"schema": 1, "downtime_s": 1}),
]


@pytest.mark.parametrize("change", CHANGES, ids=map(str, range(len(CHANGES))))
def test_every_other_form_is_refused(change):
    data = document()
    change(data)
    raw = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(MetadataRefused) as caught:
        read_package(raw, "targets/data/\x1b[31m/package.json")
    assert caught.value.sentence.isprintable()


NAMES = [
    "",
    "a",
    "/etc/passwd",
    "files",
    "files/",
    "files//a",
    "files/..",
    "files/../x",
    "files/.hidden",
    "files/-o",
    "files/a\0b",
    "files/a b",
    "files/a\\b",
    "files/\u202egguf",
    "files/模型",
    "files/" + "a" * 300,
    "files/" + "/".join("abcdefghijkl"),
    "release/a",
    "card.json",
    "filesystem/a",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_may_not_be(name):
    data = document()
    data["files"] = [{**data["files"][0], "name": name}]
    with pytest.raises(MetadataRefused):
        read(data)


@pytest.mark.parametrize(
    "name",
    ["a", "files/__init__.py", "files/libtorch-2.13+cpu.so.2", "release/a@2/b", "_/0/a.b-c"],
)
def test_names_that_may_be(name):
    assert safe_path(name)


@pytest.mark.parametrize(
    "name",
    ["release/x.pth", "release/a/B.PTH", "release/sitecustomize.py", "release/l/usercustomize.py"],
)
def test_a_release_holds_nothing_that_starts_by_itself(name):
    data = release()
    data["files"] = [{**data["files"][0], "name": name}]
    with pytest.raises(MetadataRefused):
        read(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(id="demo"),
        lambda d: d["database"].update(schema=-1),
        lambda d: d["database"].update(schema=True),
        lambda d: d["database"].update(downtime_s=1 << 40),
        lambda d: d["database"].update(more=1),
        lambda d: d.update(database=None),
    ],
)
def test_a_release_that_is_none(change):
    data = release()
    change(data)
    with pytest.raises(MetadataRefused):
        read(data)


@pytest.mark.parametrize("keep", [slice(1), slice(1, None)])
def test_a_model_has_a_card_and_files(keep):
    data = model()
    data["files"] = data["files"][keep]
    with pytest.raises(MetadataRefused):
        read(data)


def test_a_card_that_is_too_large():
    data = model()
    data["files"][0].update(size=1 << 19, chunks=[[B, 1 << 19]])
    data["files"][1].update(size=3, chunks=[[A, 3]], sha256=A)
    with pytest.raises(MetadataRefused):
        read(data)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        canonical_bytes(document()) + b"\n",
        canonical_bytes(document()).replace(b'"size":5', b'"size":5.0'),
        canonical_bytes(document()).replace(b'"id":"codes"', b'"id":"x","id":"codes"'),
        b" " * (MAX_MANIFEST + 1),
    ],
    ids=map(str, range(10)),
)
def test_what_is_no_manifest(raw):
    with pytest.raises(MetadataRefused):
        read_package(raw, "x")


@given(st.integers(0, 900), st.integers(0, 7))
def test_any_bit_changed_is_refused_or_told_apart(at, bit):
    raw = bytearray(canonical_bytes(document()))
    at %= len(raw)
    raw[at] ^= 1 << bit
    try:
        package = read_package(bytes(raw), "x")
    except MetadataRefused:
        return
    assert package.to_bytes() == bytes(raw)
