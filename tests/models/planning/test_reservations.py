"""The ledger: whatever is asked in whatever order, never more is granted than there is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.capacity import Wish, fits, plan
from models.engines.placement import place, placement_of
from models.errors import DoesNotFit, NoAccelerator
from models.formats.summary import ModelSummary
from models.hardware.facts import Accelerator, CpuFacts, Hardware, HostMemory, Unreadable
from models.known.catalogue import known_model
from models.planning.errors import HolderKnown, Oversold
from models.planning.reservations import CORES, HOST, Reservations, card_place

GIB = 1 << 30
PLACES = ("host", "nvidia:0", "nvidia:1", "cores")
claims = st.dictionaries(st.sampled_from((*PLACES, "nowhere")), st.integers(0, 120), max_size=4)
moves = st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | claims), max_size=30)


def machine(*free: int, memory: int = 64, unreadable: tuple[Unreadable, ...] = ()) -> Hardware:
    cards = tuple(
        Accelerator("nvidia", index, "H20", 96 * GIB, size * GIB, 4_000_000_000_000)
        for index, size in enumerate(free)
    )
    cpu = CpuFacts("cpu", 8, 4, frozenset(), 1, 0.0)
    return Hardware(cpu, HostMemory(memory * GIB, memory * GIB), cards, unreadable)


def model(gigabytes: float, kv_heads: int = 8) -> ModelSummary:
    return ModelSummary(
        "folder", "qwen3", weight_bytes=round(gigabytes * GIB), context=32_768, layers=64,
        kv_heads=kv_heads, head_dim=128,
    )  # fmt: skip


@given(st.dictionaries(st.sampled_from(PLACES), st.integers(0, 100)), moves)
def test_the_sum_of_what_is_granted_never_exceeds_what_there_is(capacity, asked) -> None:
    ledger = Reservations(capacity)
    for holder, claim in asked:
        before = ledger
        try:
            ledger = ledger.release(holder) if claim is None else ledger.grant(holder, claim)
        except (Oversold, HolderKnown):
            assert ledger is before
        for place_ in (*PLACES, "nowhere"):
            total = sum(held.get(place_, 0) for held in ledger.granted.values())
            assert 0 <= total <= ledger.capacity.get(place_, 0)
            assert ledger.free(place_) == ledger.capacity.get(place_, 0) - total >= 0


@given(moves, st.integers(0, 90), st.sets(st.sampled_from("abcdef")))
def test_another_look_at_the_machine_oversells_nothing(asked, free, resident) -> None:
    ledger = Reservations.of(machine(90, 90))
    for holder, claim in asked:
        scaled = {name: size * GIB for name, size in (claim or {}).items() if name != CORES}
        try:
            ledger = ledger.grant(holder, scaled) if claim else ledger.release(holder)
        except (Oversold, HolderKnown):
            continue
    seen = ledger.observed(machine(free, 90), resident)
    assert seen.granted == ledger.granted
    assert all(seen.free(place_) >= 0 for place_ in seen.capacity)


def test_a_resident_is_not_subtracted_twice() -> None:
    ledger = Reservations.of(machine(90)).grant("qwen", {"nvidia:0": 50 * GIB})
    seen = ledger.observed(machine(40), {"qwen"})
    assert seen.free("nvidia:0") == pytest.approx(0.92 * 40 * GIB, abs=2)
    loading = ledger.observed(machine(90), ())
    assert loading.free("nvidia:0") == pytest.approx((0.92 * 90 - 50) * GIB, abs=2)
    assert ledger.observed(machine(), ()).free("nvidia:0") == 0


def test_what_is_negative_or_too_much_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="negative"):
        Reservations({"host": 5}).grant("a", {"host": -1})
    with pytest.raises(ValueError, match="negative"):
        Reservations({"host": -5})
    with pytest.raises(Oversold) as caught:
        Reservations({"host": 5}, {"a": {"host": 3}, "b": {"host": 3}})
    assert caught.value.way_out
    ledger = Reservations({"host": 5}).grant("a", {"host": 3})
    with pytest.raises(HolderKnown):
        ledger.grant("a", {"host": 1})
    with pytest.raises(TypeError):
        ledger.capacity["host"] = 9
    with pytest.raises(TypeError):
        ledger.granted["a"]["host"] = 0


@given(
    st.lists(st.integers(0, 96), max_size=4),
    st.lists(st.tuples(st.floats(0, 80), st.sampled_from((1, 2, 8))), max_size=6),
)
def test_models_planned_one_after_another_fit_together(free, asked) -> None:
    hardware = machine(*free)
    ledger = Reservations.of(hardware)
    for number, (size, heads) in enumerate(asked):
        wish = Wish(context=2048, slots=2)
        try:
            made = fits(model(size, heads), hardware, wish, ledger)
        except DoesNotFit:
            continue
        ledger = ledger.grant(str(number), made.claim)
        assert sum(made.claim.values()) >= made.weights_bytes + made.kv_bytes
        placed = placement_of(made, hardware)
        if made.device == "gpu":
            # What the engine is told it may take is what was reserved for it.
            assert round(placed.memory_share * 96 * GIB) <= made.claim[f"nvidia:{made.cards[0]}"]
    for card in hardware.accelerators:
        assert ledger.taken(card_place(card)) <= card.memory_free_bytes


def test_an_uneven_pair_is_not_counted_as_one_memory() -> None:
    big = model(90)
    assert not plan(big, machine(90, 5), Wish(device="gpu", context=1024, slots=1)).fits
    assert plan(big, machine(60, 60), Wish(device="gpu", context=1024, slots=1)).fits


def test_a_model_that_insists_on_a_card_never_goes_to_the_cpu() -> None:
    taken = Reservations.of(machine(90)).grant("other", {"nvidia:0": 80 * GIB})
    insisting = Wish(device="gpu", context=1024, slots=1)
    with pytest.raises(DoesNotFit) as caught:
        place(model(20), machine(90), insisting, taken)
    assert "GiB" in str(caught.value)
    assert place(model(20), machine(90), replace(insisting, device="auto"), taken).gpu_layers == 0
    broken = machine(unreadable=(Unreadable("ascend", "npu-smi: driver not loaded"),))
    with pytest.raises(NoAccelerator, match="driver not loaded"):
        place(model(1), broken, insisting)
    assert Reservations.of(machine()).free(CORES) == 4
    assert fits(model(1), machine(), Wish(context=512, slots=1)).claim.keys() == {HOST}


def test_the_whole_shape_counts_latent_attention_windows_and_experts() -> None:
    r1 = known_model("DeepSeek-R1").shape
    summary = ModelSummary(
        "folder", "deepseek_v3", weight_bytes=400 * GIB, context=32_768, layers=61, kv_heads=128,
        head_dim=56,
    )  # fmt: skip
    hardware = machine(*[90] * 8)
    wish = Wish(device="gpu", context=32_768, slots=8)
    assert not plan(summary, hardware, wish).fits
    made = fits(summary, hardware, wish, shape=r1)
    assert made.kv_bytes_per_token == 61 * 576 * 2
    assert made.decode_tokens_s > 5 * plan(summary, hardware, wish).decode_tokens_s
    gemma = known_model("MedGemma-27B").shape
    windowed = ModelSummary(
        "folder", "gemma3", weight_bytes=54 * GIB, context=131_072, layers=62, kv_heads=16,
        head_dim=128,
    )  # fmt: skip
    long = Wish(device="gpu", context=65_536, slots=2)
    assert fits(windowed, machine(96), long, shape=gemma).cards == (0,)
    assert not plan(windowed, machine(96), long).fits
