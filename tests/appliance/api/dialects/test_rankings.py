"""Rankings, judgements and scores: what comes back for each text, and what makes no sense."""

import json

import pytest

from appliance.serving.errors import EngineFaulty
from tests.appliance.api.dialects.gateway import MARK, TARGET, begun, refused


def ranks(*scores):
    return {"results": [{"index": i, "relevance_score": s} for i, s in scores], "usage": {}}


def test_a_ranking_names_the_best_first():
    wish = {"query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2}
    rerank = begun("/v1/rerank", **wish, return_documents=True)
    assert json.loads(rerank.asked.body)["top_n"] == 3
    raw = json.dumps(ranks((0, -1.0), (1, 2.5), (2, 0.1))).encode()
    told = json.loads(rerank.answer(raw, MARK))
    assert [one["index"] for one in told["results"]] == [1, 2]
    assert told["results"][0]["document"] == {"text": "b"}
    assert told["receipt"] == "rcp_1"


def judged(*flags):
    rows = [
        {"flagged": f, "categories": {"harm": f}, "category_scores": {"harm": 0.5}} for f in flags
    ]
    return json.dumps({"id": "modr-1", "model": "inner", "results": rows}).encode()


def test_a_judgement_is_passed_on_for_every_text():
    two = begun("/v1/moderations", input=["a", "b"], model="guard")
    told = json.loads(two.answer(judged(True, False), MARK))
    assert (told["model"], told["receipt"]) == (TARGET.model, MARK.receipt)
    assert [row["flagged"] for row in told["results"]] == [True, False]
    assert told["results"][0]["category_scores"] == {"harm": 0.5}


@pytest.mark.parametrize(
    "raw",
    [
        judged(True),
        b'{"results":[]}',
        b'{"results":[{"flagged":"no","categories":{},"category_scores":{}}] * 2}',
        b'{"results":[{"flagged":true},{"flagged":true}]}',
        judged(True, False).replace(b"0.5", b"NaN"),
        judged(True, False)[:-2],
        b"",
        b"\xff}",
    ],
)
def test_a_judgement_that_is_none_is_the_engine_s_fault(raw):
    with pytest.raises(EngineFaulty):
        begun("/v1/moderations", input=["a", "b"]).answer(raw, MARK)


def test_scores_come_in_the_order_of_the_texts():
    score = begun("/v1/score", text_1="q", text_2=["a", "b"])
    told = json.loads(score.answer(json.dumps(ranks((1, 2.5), (0, 1.0))).encode(), MARK))
    assert [one["score"] for one in told["data"]] == [1.0, 2.5]
    assert refused("/v1/score", text_1=["a", "b"], text_2=["c", "d"]) == "text_1"


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"results":[{"index":0,"relevance_score":NaN}]}',
        json.dumps(ranks((0, 1.0), (0, 1.0))).encode(),
        json.dumps(ranks((7, 1.0))).encode(),
        json.dumps(ranks((0, 1.0))).encode(),
    ],
)
def test_scores_that_make_no_sense_are_a_fault(raw):
    with pytest.raises(EngineFaulty):
        begun("/v1/score", text_1="q", text_2=["a", "b"]).answer(raw, MARK)
