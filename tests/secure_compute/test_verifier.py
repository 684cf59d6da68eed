"""The auditor's verifier against good, tampered, cut, rewritten and nonsensical exports."""

import shutil

import pytest

from secure_compute.signing import SigningKey
from tests.secure_compute.exports import VKEY, export, leaf, leaves, seal


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 700])
def test_a_good_export_passes_twice(auditor, size):
    export(auditor.folder, leaves(size))
    status, text = auditor.judge()
    assert status == 0, text
    assert VKEY in text
    assert "首次" in text
    status, text = auditor.judge()
    assert status == 0, text
    assert f"{size} entries seen last time" in text


@pytest.mark.parametrize("old", [0, 1, 3, 256, 300, 511, 512, 699])
@pytest.mark.parametrize("partial", [False, True])
def test_a_grown_log_continues_the_last_visit(auditor, old, partial):
    export(auditor.folder, leaves(old))
    assert auditor.judge()[0] == 0
    export(auditor.folder, leaves(700), pick=(lambda i: i % 97 == 5) if partial else None)
    status, text = auditor.judge()
    assert status == 0, text


def test_ranges_and_filters_pass_with_proofs(auditor):
    log = leaves(300)
    for more in (
        {"first": 10, "last": 20},
        {"first": 299},
        {"pick": lambda i: i == 7},
        {"pick": lambda i: i > 999},
    ):
        export(auditor.folder, log, **more)
        status, text = auditor.judge()
        assert status == 0, text
        assert "exported" in text


TAMPERED = {
    "changed": (
        lambda log: [*log[:40], leaf(40, actor="mallory"), *log[41:]],
        "Entry 40 was altered",
    ),
    "one byte": (
        lambda log: [*log[:40], log[40].replace("用户".encode(), "用尸".encode()), *log[41:]],
        "第 40 条",
    ),
    "removed": (lambda log: log[:40] + log[41:], "Entry 40 carries number 41"),
    "removed last": (lambda log: log[:-1], "300 entries, the export holds 299"),
    "removed and renumbered": (
        lambda log: [*log[:40], *(leaf(n, actor="x") for n in range(40, 299))],
        "Entry 40 was altered",
    ),
    "added": (lambda log: [*log[:40], log[39], *log[40:]], "Entry 40 carries number 39"),
    "added last": (lambda log: [*log, leaf(300)], "holds more"),
    "reordered": (
        lambda log: [*log[:40], log[41], log[40], *log[42:]],
        "Entry 40 carries number 41",
    ),
    "older": (lambda log: [*log[:40], leaf(40, time=3), *log[41:]], "older than"),
    "empty line": (lambda log: [*log[:40], b"", *log[40:]], "ntry 40"),
    "no JSON": (lambda log: [*log[:40], b"\xff{", *log[41:]], "ntry 40"),
    "deep": (lambda log: [*log[:40], b"[" * 99_999, *log[41:]], "ntry 40"),
    "more after": (lambda log: [*log[:40], log[40] + b"{}", *log[41:]], "ntry 40"),
    "no object": (lambda log: [*log[:40], b"[]", *log[41:]], "Entry 40"),
    "true is no number": (lambda log: [log[0], leaf(True), *log[2:]], "Entry 1"),
    "no entries": (lambda log: [], "holds 0"),
    "too long": (lambda log: [*log[:40], b"x" * (1 << 20) + b"x", *log[41:]], "Line 41 of"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_entries_are_named(auditor, case):
    change, words = TAMPERED[case]
    log = leaves(300)
    export(auditor.folder, log, lines=change(log))
    status, text = auditor.judge()
    assert status == 1
    assert words in text
    assert not auditor.memory.exists()


def test_tampered_entries_of_a_filtered_export(auditor):
    log = leaves(300)
    picked = [log[i] for i in range(0, 300, 50)]
    bad = [
        ([*picked[:2], leaf(100, actor="mallory"), *picked[3:]], "Entry 100 was altered"),
        (picked[:-1], "more entries than there are"),
        (picked[1:], "Entry 0 carries number 50"),
        ([*picked, leaf(299)], "Proof 7"),
        ([picked[1], picked[0], *picked[2:]], "Entry 0 carries number 50"),
        ([*picked[:2], picked[1], *picked[3:]], "Entry 100 carries number 50"),
        ([], "more entries than there are"),
    ]
    for lines, words in bad:
        export(auditor.folder, log, pick=lambda i: i % 50 == 0, lines=lines)
        status, text = auditor.judge()
        assert status == 1
        assert words in text
    export(auditor.folder, log, pick=lambda i: i % 50 == 0, entries=7)
    assert "7 entries, the export holds 6" in auditor.judge()[1]


PROOF = "proofs.tlog-proof"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[text.index(b"index 50") - 23 :], "Entry 50 carries number 0"),
        (lambda text: text + text, "more entries than there are"),
        (lambda text: text.replace(b"index 50", b"index 0", 1), "entry 0 is doubled"),
        (lambda text: text.replace(b"index 250", b"index 299", 1), "Entry 299 carries number 250"),
        (lambda text: text.replace(b"index 50", b"index 050"), "Proof 2"),
        (lambda text: text.replace(b"@v1", b"@v2", 1), "Proof 1"),
        (lambda text: text.replace(b"box-7", b"box-8", 1), "Proof 1"),
        (lambda text: text.replace(b"index 0\n", b"index 0\n" + b"A" * 43 + b"=\n", 1), "Entry 0"),
        (lambda text: text.replace(b"index 0\n", b"index 0\n?\n", 1), "Entry 0"),
        (lambda text: text.replace(b"index 0\n", b"index 0\n" + b"?\n" * 99, 1), "Proof 1"),
        (lambda text: text[:-1], "cut off"),
        (lambda text: text[: len(text) // 2 + 9], "cut off"),
        (lambda text: b"", "Proof 1"),
        (lambda text: b"\n" * 9, "Proof 1"),
    ],
)
def test_tampered_proofs_of_a_filtered_export(auditor, change, words):
    export(auditor.folder, leaves(300), pick=lambda i: i % 50 == 0)
    path = auditor.folder / PROOF
    path.write_bytes(change(path.read_bytes()))
    for _ in range(2):
        status, text = auditor.judge()
        assert status == 1
        assert words in text
        seal(auditor.folder)  # whoever could sign would still not get through


def test_a_cut_entries_file(auditor):
    export(auditor.folder, leaves(9))
    path = auditor.folder / "entries.ndjson"
    path.write_bytes(path.read_bytes()[:-1])
    status, text = auditor.judge()
    assert status == 1
    assert "cut off in line 9" in text


def test_a_signature_by_another_key(auditor):
    export(auditor.folder, leaves(5), key=SigningKey.generate())
    assert auditor.judge("--box-key", VKEY)[0] == 1
    assert auditor.judge()[0] == 0  # a first visit believes the key it finds, and says so
    export(auditor.folder, leaves(5))
    status, text = auditor.judge()
    assert status == 1
    assert "another key" in text
    pin = auditor.folder.parent / "pin.txt"
    pin.write_text(VKEY + "\n")
    assert auditor.judge("--box-key", str(pin))[0] == 0
    assert auditor.judge("--box-key", str(pin.with_name("none")))[0] == 2
    assert auditor.judge("--box-key", "a+b+c")[0] == 1
    (auditor.folder / "checkpoint").write_bytes(b"wardbox/box-7\n5\n\n")
    assert auditor.judge()[0] == 1


def test_rolled_back_and_rewritten_logs_are_found(auditor):
    log = leaves(300)
    export(auditor.folder, log)
    assert auditor.judge()[0] == 0
    export(auditor.folder, log[:200])
    status, text = auditor.judge()
    assert status == 1
    assert "rolled back" in text
    rewritten = [*log[:10], leaf(10, actor="nobody"), *log[11:]]
    for new in (rewritten, [*rewritten, leaf(300), leaf(301)]):
        for more in ({}, {"first": 290}, {"pick": lambda i: i == 5}):
            export(auditor.folder, new, **more)
            status, text = auditor.judge()
            assert status == 1, more
            assert "rewritten" in text
    export(auditor.folder, [*log, leaf(300)], first=299)
    shutil.rmtree(auditor.folder / "tile")
    assert auditor.judge()[0] == 2
    export(auditor.folder, [*log, leaf(300)])
    assert auditor.judge()[0] == 0


NOT_CANONICAL = {
    "space": b'{"details":{ },"seq":1,"subject":null,"tag":"t","time":1000}',
    "order": b'{"tagg":1,"details":{},"seq":1,"subject":null,"tag":"t","time":1000}',
    "escape": b'{"details":"\\u0061","seq":1,"subject":null,"tag":"t","time":1000}',
    "twice": b'{"a":1,"a":1,"seq":1,"subject":null,"tag":"t","time":1000}',
    "float": b'{"a":1.5,"seq":1,"subject":null,"tag":"t","time":1000}',
    "nan": b'{"a":NaN,"seq":1,"subject":null,"tag":"t","time":1000}',
}


@pytest.mark.parametrize("case", NOT_CANONICAL)
def test_what_the_box_itself_spelt_wrongly_is_found_by_parsing_every_entry(auditor, case):
    export(auditor.folder, [leaf(0), NOT_CANONICAL[case], leaf(2)])
    assert auditor.judge()[0] == 0
    status, text = auditor.judge("--deep")
    assert status == 1
    assert "Entry 1 is not" in text


def test_every_spelling_of_canonical_json_passes_the_deep_look(auditor):
    odd = {"ﬀ": 1, "\U00010000": [1, True, None, '\u0000\x7f\\"/é'], "": {}, "z" * 300: -5}
    export(auditor.folder, [leaf(n, subject="x" * (n * 90), details=odd) for n in range(5)])
    assert auditor.judge("--deep")[0] == 0
    assert auditor.judge()[0] == 0
