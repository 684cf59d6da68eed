"""What workers say: every byte sequence is either understood, ignored or a flood."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.jobs.errors import WorkerFlood
from appliance.jobs.protocol import MAX_LINE, MAX_NOISE, Complaint, Ear, Progress, Result, read_line

LINES = [
    b'{"event":"progress","step":1}',
    b'{"event":"done","result":{"x":1}}',
    b'{"event":"error","code":"a","sentence":"b","way_out":"c"}',
]


def test_the_three_words():
    assert [read_line(line) for line in LINES] == [
        Progress({"step": 1}),
        Result({"x": 1}),
        Complaint("a", "b", "c"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b"5",
        b"[]",
        b"{}",
        b'{"event":["done"]}',
        b'{"event":"done","result":5}',
        b"[" * 99999,
    ],
)
def test_anything_else_is_noise(line):
    assert read_line(line) is None


def test_complaints_without_words_get_some():
    said = read_line(b'{"event":"error","code":5,"sentence":null}')
    assert isinstance(said, Complaint)
    assert said.code == "job.worker-fault"
    assert said.sentence


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_ear(data):
    Ear(0.0).hear(data, 0.0)


@given(st.lists(st.integers(1, 30), max_size=20))
def test_lines_are_found_however_they_are_cut(cuts):
    whole = b"\n".join(LINES) + b"\n"
    ear, said, at = Ear(0.0), [], 0
    for cut in [*cuts, len(whole)]:
        said += ear.hear(whole[at : at + cut], 0.0)
        at += cut
    assert said == [read_line(line) for line in LINES]


def test_floods_are_refused():
    with pytest.raises(WorkerFlood):
        Ear(0.0).hear(b"x" * (MAX_LINE + 1), 0.0)
    with pytest.raises(WorkerFlood):
        Ear(0.0).hear((LINES[0] + b"\n") * 30_000, 0.0)
    with pytest.raises(WorkerFlood):
        Ear(0.0).hear(b"noise\n" * (MAX_NOISE // 5 + 1), 0.0)


def test_patience_comes_back_with_time():
    ear = Ear(0.0)
    for second in range(0, 80, 10):
        ear.hear((json.dumps({"event": "progress"}).encode() + b"\n") * 9_000, float(second))
