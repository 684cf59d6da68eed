"""Bodies and the auditor: texts that the entries prove, and whatever does not belong to them."""

import base64
import hashlib
import json

import pytest

from tests.secure_compute.exports import export, leaf, seal

SALT = b"s" * 32


def digest(text: bytes) -> str:
    return hashlib.sha256(SALT + text).hexdigest()


def log() -> list[bytes]:
    details = [
        {
            "receipt": f"rcp_{n}",
            "prompt_hash": digest(b"ask %d" % n),
            "answer_hash": digest(b"\xff"),
        }
        for n in range(9)
    ]
    return [leaf(n, details=one) for n, one in enumerate(details)]


def body(n: int, **more) -> dict:
    texts = {
        "prompt": {"bytes": len(f"ask {n}"), "text": f"ask {n}"},
        "answer": {"bytes": 1, "base64": "/w=="},
    }
    salt = base64.b64encode(SALT).decode()
    return {"index": n, "receipt": f"rcp_{n}", "salt": salt, "state": "kept", "texts": texts} | more


def exported(auditor, bodies, **more) -> tuple[int, str]:
    lines = (
        bodies
        if isinstance(bodies, bytes)
        else b"".join(json.dumps(one).encode() + b"\n" for one in bodies)
    )
    export(auditor.folder, log(), bodies=True, parts={"bodies.ndjson": lines}, **more)
    return auditor.judge()


@pytest.mark.parametrize("pick", [None, lambda n: n % 2 == 0])
def test_bodies_are_proven_by_their_entries(auditor, pick):
    cut = body(4, texts={"prompt": {"bytes": 99, "text": "as"}})
    forgotten = {"index": 6, "receipt": "rcp_6", "state": "forgotten", "when": 1}
    status, text = exported(auditor, [body(0), body(2), cut, forgotten], pick=pick)
    assert status == 0, text
    assert "2 bodies proven, 1 kept in part, 1 absent" in text
    status, text = exported(auditor, [])
    assert (status, "0 bodies proven" in text) == (0, True)


UNPROVEN = "The body of entry 2 does not agree"
BAD = {
    "another text": ([body(0), body(2, texts={"prompt": {"bytes": 5, "text": "other"}})], UNPROVEN),
    "another salt": ([body(2, salt="AAAA")], UNPROVEN),
    "no salt": ([body(2, salt=None)], UNPROVEN),
    "another receipt": ([body(2, receipt="rcp_3")], UNPROVEN),
    "texts of another entry": ([body(3, index=2)], UNPROVEN),
    "an unknown text": ([body(2, texts={"thought": {"bytes": 1, "text": "x"}})], UNPROVEN),
    "no texts": ([body(2, texts=[])], UNPROVEN),
    "no text": ([body(2, texts={"prompt": {"bytes": 5}})], UNPROVEN),
    "nothing": ([body(2, texts={"prompt": None})], UNPROVEN),
    "a number": ([body(2, texts={"prompt": {"bytes": 5, "text": 5}})], UNPROVEN),
    "doubled": ([body(2), body(2)], "Line 2 of bodies.ndjson is malformed, doubled"),
    "reordered": ([body(3), body(2)], "Line 2 of bodies.ndjson is malformed, doubled"),
    "no index": ([body(2, index=None)], "Line 1 of bodies.ndjson is malformed"),
    "a list": ([[]], "Line 1 of bodies.ndjson is malformed"),
    "below": ([body(2, index=-1)], "Line 1 of bodies.ndjson is malformed"),
    "beyond": ([body(2), body(9)], "Line 2 of bodies.ndjson belongs to no entry"),
    "no JSON": (b"{\n", "bodies.ndjson 1 is not valid JSON"),
    "deep": (b"[" * 99_999 + b"\n", "bodies.ndjson 1 is not valid JSON"),
    "cut": (b"{", "bodies.ndjson is cut off in line 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bodies_that_are_not_are_named(auditor, case):
    bodies, words = BAD[case]
    status, text = exported(auditor, bodies)
    assert status == 1
    assert words in text


def test_a_body_of_an_entry_that_was_filtered_out(auditor):
    status, text = exported(auditor, [body(0), body(1)], pick=lambda n: n % 2 == 0)
    assert status == 1
    assert "Line 2 of bodies.ndjson belongs to no entry" in text


def test_entries_without_details_have_no_bodies(auditor):
    for odd in (
        b'{"seq":0,"subject":null,"tag":"t","time":1}',
        b'{"details":[],"seq":0,"subject":null,"tag":"t","time":1}',
    ):
        lines = json.dumps(body(0)).encode() + b"\n"
        export(auditor.folder, [odd], bodies=True, parts={"bodies.ndjson": lines})
        status, text = auditor.judge()
        assert status == 1
        assert "entry 0 does not agree" in text
    strange = b'[,"seq":0,"subject":null,"tag":"t","time":1}'
    export(auditor.folder, [strange], bodies=True, parts={"bodies.ndjson": lines})
    assert auditor.judge()[0] == 1
    export(auditor.folder, [strange])
    assert auditor.judge("--deep")[0] == 1


def test_promised_bodies_that_are_missing(auditor):
    export(auditor.folder, log(), bodies=True)
    assert auditor.judge()[0] == 2
    seal(auditor.folder)
    assert auditor.judge()[0] == 2
