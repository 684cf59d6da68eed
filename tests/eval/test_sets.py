"""Evaluation sets that come as data: read strictly, examined like any ability, refused in words."""

import json

import pytest

from eval.case import Answer
from eval.errors import EvalSpecInvalid
from eval.sets import read_set
from eval.specification import read_specification
from eval.suite import build_suite

HEAD = {
    "format": "wardbox-evaluation-set/1",
    "id": "ward-sums",
    "title": {"zh": "加法", "en": "sums"},
    "metric": "exact",
    "key_class": "P",
    "scorer": "number",
    "max_tokens": 16,
}
CASE = {
    "id": "q1",
    "messages": [{"role": "user", "content": "1+1=?"}],
    "key": {"value": 2, "tolerance": 0},
    "fact": "sum",
}


def laid(folder, head=None, cases=None):
    (folder / "set.json").write_text(json.dumps({**HEAD, **(head or {})}))
    rows = [CASE] if cases is None else cases
    (folder / "cases.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_set_is_examined_like_an_ability(tmp_path):
    found = read_set(laid(tmp_path, cases=[CASE, {**CASE, "id": "q2"}]))
    suite = build_suite(found.ability, 1, None)
    assert [case.id for case in suite.cases] == ["q1", "q2"]
    assert found.ability.score(suite.cases[0], Answer("q1", "答案是 2")).passed
    assert not found.ability.score(suite.cases[0], Answer("q1", "3")).passed
    given = {"abilities": ["ward-sums"], "sets": {"ward-sums": str(tmp_path)}, "model": "m"}
    specification = read_specification({**given, "out": "o"})
    assert specification.suites[0].ability.id == "ward-sums"


def test_constraints_are_scored_by_the_boxes_own_judges(tmp_path):
    key = {"constraints": [["contains", "青光眼"], ["at_most_chars", 20]]}
    found = read_set(laid(tmp_path, {"scorer": "constraints"}, [{**CASE, "key": key}]))
    (case,) = build_suite(found.ability, 1, None).cases
    assert found.ability.score(case, Answer("q1", "青光眼")).passed


@pytest.mark.parametrize(
    "head",
    [
        {"format": "other/1"},
        {"scorer": "os.system"},
        {"scorer": ["number"]},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"key_class": ["P"]},
        {"title": "x"},
        {"title": {"zh": "", "en": "x"}},
        {"id": 5},
        {"extra": 1},
    ],
)
def test_a_head_that_is_none_is_refused(tmp_path, head):
    with pytest.raises(EvalSpecInvalid):
        read_set(laid(tmp_path, head))


@pytest.mark.parametrize(
    "case",
    [
        {**CASE, "key": {"value": "2", "tolerance": 0}},
        {**CASE, "key": {"value": float("nan"), "tolerance": 0}},
        {**CASE, "key": {"value": True, "tolerance": 0}},
        {**CASE, "key": {"value": 2, "tolerance": -1}},
        {**CASE, "key": []},
        {**CASE, "messages": []},
        {**CASE, "messages": [{"role": "tool", "content": "x"}]},
        {**CASE, "messages": [{"role": ["user"], "content": "x"}]},
        {**CASE, "messages": ["x"]},
        {**CASE, "id": ""},
        {**CASE, "more": 1},
        [1],
        5,
    ],
)
def test_a_case_that_is_none_is_refused_with_its_line(tmp_path, case):
    with pytest.raises(EvalSpecInvalid, match=r"cases\.ndjson:2"):
        read_set(laid(tmp_path, cases=[CASE, case]))


@pytest.mark.parametrize(
    "key",
    [
        {"constraints": []},
        {"constraints": [["__class__", 1]]},
        {"constraints": [["contains", 5]]},
        {"constraints": [["only_choice", "abc"]]},
        {"constraints": [["only_choice", [1]]]},
        {"constraints": [["line_count", True]]},
        {"constraints": [["contains"]]},
        {"constraints": "contains"},
    ],
)
def test_constraints_that_no_judge_takes_are_refused(tmp_path, key):
    with pytest.raises(EvalSpecInvalid):
        read_set(laid(tmp_path, {"scorer": "constraints"}, [{**CASE, "key": key}]))


@pytest.mark.parametrize("raw", [b"", b"[" * 9999, b"\xff", b'{"a": 1', b"x" * 300_000])
def test_a_file_that_is_no_json_is_refused(tmp_path, raw):
    laid(tmp_path)
    for name in ("set.json", "cases.ndjson"):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(EvalSpecInvalid):
            read_set(tmp_path)
        (tmp_path / name).unlink()
        with pytest.raises(EvalSpecInvalid):
            read_set(tmp_path)
        (tmp_path / name).write_bytes(kept)


def test_one_id_stands_once(tmp_path):
    with pytest.raises(EvalSpecInvalid, match="twice"):
        read_set(laid(tmp_path, cases=[CASE, CASE]))
