"""The soak's judgement: agreement is found where it is, and each kind of disagreement is named."""

import pytest

from tests.benchmarks.soak_account import disagreements, ends_of, metered_of, record_of
from tests.benchmarks.soak_load import Ended
from tests.benchmarks.soak_watch import Sample, growth_of

WHO = ("key:a", "m")


def entry(tag, request_id, **details):
    actor = None if request_id is None else WHO[0]
    return {"tag": tag, "actor": actor, "request_id": request_id, "details": details}


def accept(request_id):
    return entry("model:completion:accept", request_id, model="m", route="r")


def fail(request_id, code):
    return entry("model:completion:fail", request_id, code=code, model="m", route="r")


def answer(request_id, prompt=10, completion=5, status="complete"):
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion}
    return entry("model:completion:answer", request_id, model="m", status=status, **tokens)


def good():
    """One of everything, in agreement."""
    ended = [
        Ended("chat", "answered", 200, "", "1", 10, 5),
        Ended("stream", "answered", 200, "", "2", 10, 5, 5),
        Ended("leaves stream", "left", 200, "", "3", None, None, 2),
        Ended("stream", "broken off", 200, "engine.gone", "4", None, None, 3),
        Ended("chat", "refused", 502, "engine.gone", "5"),
        Ended("bad key", "refused", 401, "access.refused", "6"),
        Ended("leaves early", "left"),
        Ended("chat", "refused", 503, "audit.unavailable", "8"),
    ]
    entries = [
        answer("1"),
        accept("2"),
        answer("2"),
        accept("3"),
        answer("3", 0, 3, "client-gone"),
        accept("4"),
        fail("4", "engine.gone"),
        fail("5", "engine.gone"),
        fail("7", "client-gone"),
        answer("8"),
        entry("box:audit:gap", None, refused=1, reason="r"),
        fail("8", "audit.unavailable"),
    ]
    row = {"actor": WHO[0], "model": WHO[1], "requests": "2", "prompt_tokens": "20"}
    rows = [
        {**row, "completion_tokens": "10"},
        {**row, "requests": "1", "prompt_tokens": "0", "completion_tokens": "3"},
    ]
    return ended, entries, rows


def judged(ended, entries, rows):
    return disagreements(ended, record_of(entries), metered_of(rows))


def test_what_agrees_agrees():
    ended, entries, rows = good()
    assert judged(ended, entries, rows) == []
    ends = ends_of(record_of(entries))
    assert ends == {"answered": 2, "cancelled": 2, "failed": 3}


def other_tokens(ended, entries, rows):
    ended[0].completion = 6


def lost(ended, entries, rows):
    ended.append(Ended("chat"))


def hung(ended, entries, rows):
    ended.append(Ended("chat", "hung", 200, "", "9"))


def unrecorded(ended, entries, rows):
    ended.append(Ended("chat", "answered", 200, "", "9", 1, 1))


def still_open(ended, entries, rows):
    entries.append(accept("3a"))
    ended.append(Ended("leaves early", "left"))


def twice(ended, entries, rows):
    entries.append(answer("1"))


def stranger(ended, entries, rows):
    entries += [fail("x", "client-gone"), fail("y", "client-gone")]


def metered_more(ended, entries, rows):
    rows[0]["completion_tokens"] = "11"


def unmetered(ended, entries, rows):
    rows.pop()


def unseen_pieces(ended, entries, rows):
    ended[2].pieces = 4


def other_reason(ended, entries, rows):
    ended[3].code = "engine.silent"


def same_id(ended, entries, rows):
    ended.append(Ended("bad key", "refused", 401, "access.refused", "6"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (other_tokens, "other tokens"),
        (lost, "was lost"),
        (hung, "was hung"),
        (unrecorded, "on record as nothing"),
        (still_open, "without an end"),
        (twice, "more than once"),
        (stranger, "no client made"),
        (metered_more, "meter does not agree"),
        (unmetered, "meter does not agree"),
        (unseen_pieces, "more pieces"),
        (other_reason, "broke off"),
        (same_id, "one id"),
    ],
)
def test_each_disagreement_is_a_sentence(spoil, said):
    account = good()
    spoil(*account)
    told = judged(*account)
    assert any(said in sentence for sentence in told), told


def test_growth_is_judged_after_warming_up():
    def samples(per_hour, warm=0.0, files=10.0):
        return [
            Sample(at, 100 + (warm if at > 60 else 0) + per_hour * at / 3600, round(files))
            for at in range(0, 3600, 10)
        ]

    assert growth_of("serve", samples(0, warm=50)).faults == []
    assert growth_of("serve", samples(6)).faults == []
    grown = growth_of("serve", samples(40))
    assert "serve grew" in grown.faults[0]
    assert round(grown.mb_per_hour) == 40
    leaky = [Sample(one.at, one.mb, int(one.at / 60)) for one in samples(0)]
    assert "descriptors" in growth_of("serve", leaky).faults[0]
    assert growth_of("serve", []) is None
