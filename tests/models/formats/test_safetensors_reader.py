"""Safetensors: every rule broken once by name, and mutations that may only be judged."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.formats.inspect import inspect_file
from models.formats.refusals import FileRefused
from models.formats.safetensors import read_safetensors
from tests.models.formats.build import safetensors_bytes, safetensors_file

DATA = b"\0" * 64


def entry(**changes: object) -> dict:
    return {"a": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64], **changes}}


def raw(text: str, data: bytes = DATA) -> bytes:
    return safetensors_file(text.encode("utf-8", "surrogatepass"), data)


WHOLE = '"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}'
GOOD = {
    "two": safetensors_bytes(),
    "none": safetensors_file({}),
    "spaces behind": safetensors_file(json.dumps(entry()).encode() + b"   ", DATA),
    "scalar": safetensors_file(entry(shape=[], data_offsets=[0, 4]), b"\0" * 4),
    "empty tensor": safetensors_file(entry(shape=[0, 3], data_offsets=[0, 0])),
    "four bits": safetensors_file(entry(dtype="F4", shape=[128]), DATA),
    "order differs": safetensors_file(
        {
            "b": {"dtype": "U8", "shape": [32], "data_offsets": [32, 64]},
            "a": {"dtype": "U8", "shape": [32], "data_offsets": [0, 32]},
        },
        DATA,
    ),
    "length looks like a pickle": safetensors_file(
        json.dumps(entry()).encode().ljust(0x0480), DATA
    ),
}
BAD = {
    "empty": (b"", "empty"),
    "seven bytes": (b"\x02" + b"\0" * 6, None),
    "length zero": (safetensors_file(entry(), DATA, length=0), "header-length"),
    "length one": (safetensors_file(entry(), DATA, length=1), "header-length"),
    "length past the end": (safetensors_file(entry(), DATA, length=10_000), "header-length"),
    "length 2^64-1": (safetensors_file(entry(), DATA, length=(1 << 64) - 1), "header-length"),
    "byte order mark": (raw("\ufeff{" + WHOLE + "}"), None),
    "not UTF-8": (safetensors_file(b'{"\xff":1}', DATA), "utf8"),
    "array": (safetensors_file(b"[{}]", DATA), None),
    "newline behind": (safetensors_file(json.dumps(entry()).encode() + b"\n", DATA), "json"),
    "NUL behind": (safetensors_file(json.dumps(entry()).encode() + b"\0", DATA), "json"),
    "two objects": (raw("{" + WHOLE + "}{}"), "json"),
    "comment": (raw("{/*x*/" + WHOLE + "}"), "json"),
    "trailing comma": (raw("{" + WHOLE + ",}"), "json"),
    "single quotes": (raw("{" + WHOLE.replace('"', "'") + "}"), "json"),
    "duplicate tensor": (raw("{" + WHOLE + "," + WHOLE + "}"), "json-duplicate"),
    "duplicate field": (
        raw('{"a":{"dtype":"F32","dtype":"F32","shape":[16],"data_offsets":[0,64]}}'),
        "json-duplicate",
    ),
    "NaN": (raw('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,64]}}'), "json-number"),
    "Infinity": (raw('{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,Infinity]}}'), None),
    "1e999": (raw('{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,64]}}'), "json-number"),
    "5000 digits": (raw('{"a":{"dtype":"F32","shape":[' + "9" * 5000 + "]}}"), "json-number"),
    "depth bomb": (raw('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "json-depth"),
    "many objects": (raw('{"a":[' + "{}," * 200_001 + "1]}"), "limit"),
    "dtype": (safetensors_file(entry(dtype="Q4"), DATA), "tensor-type"),
    "dtype lower": (safetensors_file(entry(dtype="f32"), DATA), "tensor-type"),
    "dtype list": (safetensors_file(entry(dtype=["F32"]), DATA), "tensor-type"),
    "dtype null": (safetensors_file(entry(dtype=None), DATA), "tensor-type"),
    "shape negative": (safetensors_file(entry(shape=[-4, -4]), DATA), "tensor-shape"),
    "shape true": (safetensors_file(entry(shape=[True, 16]), DATA), "tensor-shape"),
    "shape float": (safetensors_file(entry(shape=[16.0]), DATA), "tensor-shape"),
    "shape text": (safetensors_file(entry(shape="16"), DATA), "tensor-shape"),
    "shape object": (safetensors_file(entry(shape={"0": 16}), DATA), "tensor-shape"),
    "shape deep": (safetensors_file(entry(shape=[1] * 17), DATA), "tensor-shape"),
    "shape wraps": (safetensors_file(entry(shape=[1 << 32, 1 << 32]), DATA), "tensor-overflow"),
    "wrong bytes": (safetensors_file(entry(shape=[15]), DATA), "tensor-bytes"),
    "half a byte": (safetensors_file(entry(dtype="F4", shape=[127]), DATA), "tensor-bytes"),
    "offsets three": (safetensors_file(entry(data_offsets=[0, 32, 64]), DATA), "offsets"),
    "offsets one": (safetensors_file(entry(data_offsets=[64]), DATA), "offsets"),
    "offsets turned": (safetensors_file(entry(data_offsets=[64, 0]), DATA), "offsets"),
    "offsets true": (safetensors_file(entry(data_offsets=[False, 64]), DATA), "offsets"),
    "offsets negative": (safetensors_file(entry(data_offsets=[-64, 0]), DATA), "offsets"),
    "offsets text": (safetensors_file(entry(data_offsets=["0", "64"]), DATA), "offsets"),
    "field missing": (safetensors_file({"a": {"dtype": "F32", "shape": [16]}}, DATA), "fields"),
    "field extra": (safetensors_file(entry(code="x"), DATA), "fields"),
    "tensor no object": (safetensors_file({"a": 1}, DATA), "fields"),
    "starts late": (
        safetensors_file(entry(shape=[8], data_offsets=[32, 64]), DATA),
        "tensor-hole",
    ),
    "past the end": (
        safetensors_file(entry(shape=[32], data_offsets=[0, 128]), DATA),
        "tensor-past-eof",
    ),
    "trailing": (safetensors_file(entry(), DATA + b"x"), "trailing"),
    "zip behind": (safetensors_file(entry(), DATA + b"PK\x05\x06" + b"\0" * 18), "zip"),
    "zip as tensor": (safetensors_file(entry(), b"\0" * 42 + b"PK\x05\x06" + b"\0" * 18), "zip"),
    "data without tensors": (safetensors_file({}, b"x"), "trailing"),
    "metadata number": (safetensors_file({"__metadata__": {"k": 1}}), "metadata"),
    "metadata list": (safetensors_file({"__metadata__": ["k"]}), "metadata"),
    "metadata null": (safetensors_file({"__metadata__": None}), "metadata"),
    "metadata nested": (safetensors_file({"__metadata__": {"k": {"a": "b"}}}), "metadata"),
    "metadata surrogate": (safetensors_file(b'{"__metadata__":{"k":"\\ud800"}}'), "metadata"),
    "name empty": (safetensors_file({"": entry()["a"]}, DATA), "tensor-name"),
    "name outside": (safetensors_file({"../../x": entry()["a"]}, DATA), "tensor-name"),
    "name absolute": (safetensors_file({"/etc/x": entry()["a"]}, DATA), "tensor-name"),
    "name backslash": (safetensors_file({"a\\b": entry()["a"]}, DATA), "tensor-name"),
    "name NUL": (safetensors_file({"a\0": entry()["a"]}, DATA), "tensor-name"),
    "name bidi": (safetensors_file({"a\u202e": entry()["a"]}, DATA), "tensor-name"),
    "name long": (safetensors_file({"a" * 513: entry()["a"]}, DATA), "tensor-name"),
    "overlap": (
        safetensors_file(
            {
                "a": {"dtype": "U8", "shape": [40], "data_offsets": [0, 40]},
                "b": {"dtype": "U8", "shape": [32], "data_offsets": [32, 64]},
            },
            DATA,
        ),
        "tensor-overlap",
    ),
    "same bytes twice": (
        safetensors_file({**entry(), "b": entry()["a"]}, DATA),
        "tensor-overlap",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_files_are_accepted(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(GOOD[name])
    verdict = inspect_file(path)
    assert verdict.accepted, verdict.reason.en
    assert verdict.kind == "safetensors"


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_by_name(name: str, tmp_path: Path) -> None:
    content, rule = BAD[name]
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    verdict = inspect_file(path)
    assert not verdict.accepted
    assert rule is None or verdict.rule == rule, verdict.reason.en
    assert (verdict.reason.zh + verdict.reason.en).isprintable()


@pytest.mark.parametrize("length", range(len(safetensors_bytes())))
def test_every_truncation_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_bytes()[:length])
    assert not inspect_file(path).accepted


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 90 << 20) + b"{")
    with path.open("ab") as stream:
        stream.truncate(1 << 30)
    assert inspect_file(path).rule == "limit"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_mutations_are_judged_and_never_crash(data: st.DataObject, tmp_path: Path) -> None:
    base = bytearray(data.draw(st.sampled_from(list(GOOD.values()))))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, max(0, len(base) - 1)))
        base[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=5))
    path = tmp_path / "m.safetensors"
    path.write_bytes(bytes(base))
    try:
        header = read_safetensors(path)
    except FileRefused:
        return
    covered = sum(tensor.size for tensor in header.tensors)
    assert header.data_start + covered == len(base)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["a", "dtype", "shape", "data_offsets"]), inner)
        ),
        max_leaves=12,
    )
)
@pytest.mark.slow
def test_any_json_is_judged(tmp_path: Path, document: object) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_file({"a": document}, DATA))
    inspect_file(path)
