"""Counting requests: right numbers, and no more series whatever clients send."""

from appliance.telemetry.observed import BOUNDS_S, MOST_MODELS, OTHER, Observed

CHAT = "/v1/chat/completions"


def observed(known=lambda model: model == "m") -> Observed:
    return Observed([CHAT], ["access", "access.refused", "model.unknown"], known)


def test_an_answer_is_counted_in_every_number() -> None:
    counts = observed()
    counts.answered(CHAT, "m", 200, 0.05, None, 7, 3)
    counts.answered(CHAT, "m", 200, 0.051, 0.004, 1, 1)
    counts.answered(CHAT, "m", 503, 1e9, None, 0, 0)
    (key, series), *rest = counts.series().items()
    assert (key, rest) == ((CHAT, "m"), [])
    assert series.classes == [0, 0, 2, 0, 0, 1]
    assert (series.prompt_tokens, series.completion_tokens) == (8, 4)
    at = BOUNDS_S.index(0.05)
    assert series.latency.buckets[at] == 1  # a bound belongs to its own bucket
    assert series.latency.buckets[at + 1] == 1
    assert series.latency.buckets[-1] == 1
    assert sum(series.latency.buckets) == 3
    assert series.first_token.buckets[0] == 1
    assert sum(series.first_token.buckets) == 1


def test_ten_thousand_odd_paths_models_codes_and_statuses_add_one_series_each() -> None:
    counts = observed()
    for n in range(10_000):
        counts.answered(f"/odd/{n}", f"model-{n}", n * 7 - 9, 0.1, None, 1, 1)
        counts.refused(f"/odd/{n}", f"odd.{n}")
    assert list(counts.series()) == [(OTHER, OTHER)]
    assert counts.refusals() == {(OTHER, OTHER): 10_000}
    assert sum(counts.series()[(OTHER, OTHER)].classes) == 10_000


def test_even_a_shelf_without_end_gives_no_more_than_its_share() -> None:
    counts = observed(known=lambda _: True)
    for n in range(1000):
        counts.answered(CHAT, f"model-{n}", 200, 0.1, None, 0, 0)
    assert len(counts.series()) == MOST_MODELS + 1
    assert sum(counts.series()[(CHAT, OTHER)].classes) == 1000 - MOST_MODELS


def test_a_code_falls_back_to_its_family() -> None:
    counts = observed()
    for code in ("access.refused", "access.strange", "model.strange", "strange"):
        counts.refused(CHAT, code)
    assert counts.refusals() == {(CHAT, "access.refused"): 1, (CHAT, "access"): 1, (CHAT, OTHER): 2}


def test_a_model_that_is_served_later_gets_its_series_then() -> None:
    counts = Observed([CHAT])
    counts.answered(CHAT, "late", 200, 0.1, None, 0, 0)
    counts.admit_models(lambda model: model == "late")
    counts.answered(CHAT, "late", 200, 0.1, None, 0, 0)
    assert set(counts.series()) == {(CHAT, OTHER), (CHAT, "late")}
