"""The planner: more asked never costs less, nothing is negative, refusals tell what is possible."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelsError, NoAccelerator
from models.hardware.datasheets import SHEETS, sheet_named, sheet_of_product
from models.hardware.facts import Accelerator, CpuFacts, Hardware, HostMemory
from models.known.catalogue import KNOWN, known_model
from models.known.subject import named_subject
from models.planning.errors import (
    CardNotKnown,
    ContextBeyond,
    CountRefused,
    PrecisionRefused,
    SplitRefused,
)
from models.planning.fleet import Fleet
from models.planning.inquiry import Inquiry, answer
from models.planning.memory import cache_bytes_per_token, serving_memory, weight_bytes
from models.planning.precision import BF16, PRECISIONS, usable_on
from models.planning.serving import Question, plan_serving
from models.planning.speed import Group, pace
from models.planning.training import METHODS, Course, plan_training

GIB = 1 << 30
shapes = st.sampled_from([model.shape for model in KNOWN])
sheets = st.sampled_from(SHEETS)
cards = st.sampled_from([1, 2, 4, 8])
counts = st.integers(1, 512)
lengths = st.integers(1, 32_768)


def test_the_cache_of_a_token_by_hand() -> None:
    assert cache_bytes_per_token(known_model("Qwen3-32B").shape) == 2 * 64 * 8 * 128 * 2
    # Latent attention: one vector of 512 and one of 64 in each of 61 layers.
    assert cache_bytes_per_token(known_model("DeepSeek-R1").shape) == 61 * 576 * 2
    assert weight_bytes(known_model("Qwen3-32B").shape, BF16) == pytest.approx(65.5e9, rel=0.01)


@given(shapes, cards, lengths, lengths, counts, counts)
def test_more_tokens_or_sequences_never_take_less_memory(
    shape, width, shorter, longer, few, many
) -> None:
    shorter, longer = sorted((shorter, longer))
    few, many = sorted((few, many))
    less = serving_memory(shape, BF16, width, shorter, few)
    more = serving_memory(shape, BF16, width, longer, many)
    assert 0 < less.total <= more.total
    assert min(less.weights, less.cache, less.activations, less.engine) >= 0


@given(shapes, lengths, counts)
def test_more_cards_never_hold_more_each(shape, tokens, sequences) -> None:
    held = [serving_memory(shape, BF16, width, tokens, sequences) for width in (1, 2, 4, 8)]
    for wide, narrow in zip(held[1:], held, strict=False):
        assert wide.weights <= narrow.weights
        assert wide.cache <= narrow.cache
        assert wide.activations <= narrow.activations


@given(shapes, sheets, cards, st.data())
def test_more_work_never_takes_less_time(shape, sheet, width, data) -> None:
    usable = [kind for kind in PRECISIONS if usable_on(sheet, kind)]
    group = Group(shape, data.draw(st.sampled_from(usable)), sheet, width)
    few, many = sorted((data.draw(counts), data.draw(counts)))
    short, long = sorted((data.draw(lengths), data.draw(lengths)))
    assert 0 < group.decode_s(few, short) <= group.decode_s(many, long) < math.inf
    assert 0 < group.prefill_s(short) <= group.prefill_s(long) < math.inf
    less, more = (pace(group, count, short, 64) for count in (few, many))
    assert 0 < less.requests_s <= more.requests_s * 1.000_001
    for found in (less, more):
        assert all(getattr(found, name) > 0 for name in found.__slots__)
        assert found.ttft_s <= found.ttft_busy_s * 1.000_001


@given(
    st.sampled_from(KNOWN),
    sheets,
    st.integers(-2, 70),
    st.one_of(st.none(), st.integers(-5, 1 << 40)),
    st.one_of(st.none(), st.integers(-5, 1 << 20)),
    st.one_of(st.none(), st.sampled_from(["bf16", "FP8", "awq", "q4_k_m", "int3", "", "\x1b"])),
)
def test_any_question_has_an_answer_or_a_way_out(
    model, sheet, count, number, concurrency, precision
) -> None:
    asked = Inquiry(
        f"{count}x {sheet.key}", context=number, concurrency=concurrency, precision=precision,
        tp=None if number is None else number % 9, train=True, sequence=128,
    )  # fmt: skip
    try:
        found = answer(named_subject(model.id), asked)
    except ModelsError as refusal:
        told = refusal
    else:
        told = None
        wire = json.loads(json.dumps(found.to_json(), allow_nan=False))
        assert wire["fits"] == (wire["chosen"]["card_bytes"]["margin"] >= 0)
        assert (wire["chosen"]["most_concurrent"] >= asked.concurrency if concurrency else 1) or (
            not wire["fits"]
        )
        assert model.id in found.to_text()
    assert told is None or told.way_out


def test_what_fits_is_what_the_sum_says() -> None:
    model = known_model("Qwen3-32B").shape
    one = plan_serving(Question(model, Fleet.parse("H20"), context=4096, concurrency=4))
    assert one.chosen.precision.key == "bf16"
    assert one.chosen.margin_bytes == one.chosen.usable_bytes - one.chosen.memory.total
    tight = plan_serving(Question(model, Fleet.parse("L40S"), context=4096, concurrency=4))
    assert tight.chosen.precision.key in {"fp8", "q8_0"}
    never = plan_serving(Question(known_model("DeepSeek-R1").shape, Fleet.parse("A10")))
    assert not never.chosen.fits
    assert never.chosen.most_concurrent == 0
    assert all(not layout.fits for layout in never.precisions)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("8x H20-96G", "8x H20-96G"),
        ("8XH20", "8x H20-96G"),
        (" 2 × a100-80g ", "2x A100-80G"),
        ("H20 x8", "8x H20-96G"),
        ("H20*4", "4x H20-96G"),
        ("RTX 4090", "1x RTX-4090"),
        ("2x4090", "2x RTX-4090"),
        ("NVIDIA H100", "1x H100-SXM"),
        ("昇腾", None),
        ("8x", None),
        ("x8", None),
        ("xxxx", None),
    ],
)
def test_cards_as_people_write_them(written: str, meant: str | None) -> None:
    if meant is None:
        with pytest.raises(CardNotKnown):
            Fleet.parse(written)
    else:
        assert Fleet.parse(written).text == meant


def test_precision_follows_the_card() -> None:
    def keys(name: str) -> set[str]:
        return {kind.key for kind in PRECISIONS if usable_on(sheet_named(name), kind)}

    assert "fp8" in keys("H20")
    assert "fp8" not in keys("A100")
    assert {"bf16", "fp16"} & keys("310P") == {"fp16"}
    assert {"bf16", "fp16"} & keys("H20") == {"bf16"}
    assert "q4_k_m" not in keys("MLU590")


@pytest.mark.parametrize(
    ("asked", "refusal", "says"),
    [
        (Inquiry("8x H21"), CardNotKnown, "H20-96G"),
        (Inquiry(""), CardNotKnown, "H20-96G"),
        (Inquiry("x" * 500), CardNotKnown, "H20-96G"),
        (Inquiry("0x H20"), CountRefused, "64"),
        (Inquiry("-3x H20"), CountRefused, "64"),
        (Inquiry("999999999x H20"), CountRefused, "64"),
        (Inquiry("8x H20", tp=3), SplitRefused, "1, 2, 4, 8"),
        (Inquiry("4x H20", tp=8), CountRefused, "4"),
        (Inquiry("8x H20", tp=0), CountRefused, "1"),
        (Inquiry("8x H20", context=50_000), ContextBeyond, "40960"),
        (Inquiry("8x H20", concurrency=0), CountRefused, "65536"),
        (Inquiry("4x H20", tp=-1), CountRefused, "between 1 and 4"),
        (Inquiry("8x H20", context=100, prompt=200), CountRefused, "100"),
        (Inquiry("8x A100", precision="fp8"), PrecisionRefused, "bf16"),
        (Inquiry("8x H20", precision="int3"), PrecisionRefused, "fp8"),
        (Inquiry("8x H20", train=True, sequence=1 << 20), CountRefused, "40960"),
        (Inquiry("8x H20", train=True, rank=0), CountRefused, "4096"),
    ],
)
def test_a_refusal_says_what_is_possible(asked, refusal, says: str) -> None:
    with pytest.raises(refusal) as caught:
        answer(named_subject("Qwen3-32B"), asked)
    assert says in f"{caught.value} {caught.value.way_out}"


def test_llama_cpp_is_not_credited_with_cards_that_wait() -> None:
    shape, sheet = known_model("Qwen3-8B").shape, sheet_named("L20")
    q8 = next(kind for kind in PRECISIONS if kind.key == "q8_0")
    assert Group(shape, q8, sheet, 4).decode_s(1, 100) == Group(shape, q8, sheet, 1).decode_s(
        1, 100
    )


def test_slow_links_cost() -> None:
    shape = known_model("Qwen3-32B").shape
    nvlink, pcie = (Group(shape, BF16, sheet_named(name), 4) for name in ("H100", "H100-PCIe"))
    assert pcie.prefill_s(4096) > nvlink.prefill_s(4096) * 1.3


@given(shapes, sheets, cards, st.sampled_from(METHODS), st.integers(1, 8))
def test_training_is_never_negative_and_checkpointing_saves(
    shape, sheet, count, method, samples
) -> None:
    fleet = Fleet(sheet, count)
    kept, again = (
        plan_training(shape, fleet, Course(method, flag, sequence=512, samples=samples))
        for flag in (False, True)
    )
    assert again.total_bytes > 0
    assert again.activations <= kept.activations
    assert again.step_s >= kept.step_s > 0
    assert min(again.weights, again.gradients, again.optimiser, again.engine) >= 0
    wider = plan_training(shape, Fleet(sheet, count * 2), Course(method, True, sequence=512))
    assert wider.weights <= again.weights


def test_methods_of_training_differ_as_they_should() -> None:
    shape, fleet = known_model("Qwen3-8B").shape, Fleet.parse("8x H20")
    full, lora, qlora = (plan_training(shape, fleet, Course(method)) for method in METHODS)
    # Sixteen bytes a weight in all, spread over eight cards.
    states = full.weights + full.gradients + full.optimiser
    assert states == pytest.approx(16 * shape.parameters / 8, rel=0.001)
    assert full.total_bytes > lora.total_bytes > qlora.total_bytes
    assert lora.trained < shape.parameters / 100
    assert full.step_s > lora.step_s
    assert full.tokens_s == pytest.approx(full.samples_s * 2048)


def test_every_sheet_can_be_asked_for_and_says_where_it_is_from() -> None:
    fields = {"bandwidth_gb_s", "bf16", "fp16", "int8", "fp8", "link_gb_s"}
    for sheet in SHEETS:
        assert sheet_named(sheet.key) is sheet
        assert sheet_of_product(f"Maker {sheet.product[0]} something") is sheet
        assert Fleet.parse(f"2x {sheet.key}").count == 2
        assert sheet.memory_bytes > 10 * GIB
        assert max(sheet.bf16, sheet.fp16) > 0
        assert sheet.source
        assert set(sheet.uncertain) <= fields
        assert sheet.measured_gb_s <= sheet.bandwidth_gb_s


def test_the_cards_of_this_machine() -> None:
    def machine(*names: str) -> Hardware:
        cards = tuple(Accelerator("x", n, name, GIB, GIB) for n, name in enumerate(names))
        return Hardware(CpuFacts("c", 1, 1, frozenset(), 1, 0.0), HostMemory(0, 0), cards)

    eight = machine("NVIDIA H20", *["NVIDIA H20"] * 7, "Mystery 9000")
    assert Fleet.here(eight).text == "8x H20-96G"
    # A package of two chips is one card.
    assert Fleet.here(machine(*["Ascend910"] * 16)).text == "8x Ascend-910C"
    with pytest.raises(NoAccelerator, match="Mystery"):
        Fleet.here(machine("Mystery 9000"))
    with pytest.raises(NoAccelerator):
        Fleet.here(machine())
