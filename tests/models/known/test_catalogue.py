"""Known models: their shapes add up to the sizes that their makers state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelsError
from models.hardware.datasheets import SHEETS
from models.known.catalogue import KNOWN, known_model, similar_models
from models.known.recommend import recommend
from models.known.subject import find_subject, named_subject
from models.planning.errors import ModelNotKnown
from models.planning.fleet import Fleet


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.id)
def test_a_shape_adds_up_to_the_stated_size(model) -> None:
    assert model.shape.parameters / 1e9 == pytest.approx(model.billions, rel=0.03)
    if model.active_billions:
        active = model.shape.active_parameters / 1e9
        assert active == pytest.approx(model.active_billions, rel=0.03)
    else:
        assert model.shape.experts is None
    assert model.shape.splits(1)
    assert model.licence
    assert model.about.zh != model.about.en


def test_every_id_is_one_models_own() -> None:
    assert len({model.id for model in KNOWN}) == len(KNOWN)
    for model in KNOWN:
        assert known_model(model.id) is model


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("qwen3-32b", "Qwen3-32B"),
        ("Qwen/Qwen3-32B", "Qwen3-32B"),
        ("Qwen2.5-72B", "Qwen2.5-72B-Instruct"),
        ("deepseek-r1-671b", "DeepSeek-R1"),
        ("google/medgemma-27b-it", "MedGemma-27B"),
        ("BAAI/bge-m3", "bge-m3"),
        ("baichuan-m2", "Baichuan-M2-32B"),
    ],
)
def test_names_are_forgiving(written: str, meant: str) -> None:
    assert known_model(written).id == meant


def test_an_unknown_name_is_answered_with_similar_ones() -> None:
    with pytest.raises(ModelNotKnown) as caught:
        named_subject("Qwen3-23B")
    assert "Qwen3-32B" in str(caught.value)
    assert "--list" in caught.value.way_out
    assert similar_models("Qwen3-23B")


@given(st.text(max_size=300))
def test_any_name_is_a_sentence_or_a_model(name: str) -> None:
    told = ""
    try:
        find_subject(name)
    except ModelsError as refusal:
        told = refusal.sentence_en
    assert told.isprintable()


def test_a_known_name_does_not_open_a_folder_of_that_name(tmp_path, monkeypatch) -> None:
    (tmp_path / "Qwen3-8B").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_subject("Qwen3-8B").shape.layers == 36


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.key)
def test_there_is_advice_for_every_card(sheet) -> None:
    for model in KNOWN:
        advice = recommend(model, Fleet(sheet, 8))
        assert advice.slots >= 1
        assert advice.layout.split * advice.layout.copies <= 8
        if advice.layout.precision.key == "fp8":
            assert sheet.fp8


def test_advice_for_the_usual_cards() -> None:
    h20 = recommend(known_model("Qwen3-32B"), Fleet.parse("8x H20"))
    assert (h20.advice.engine, h20.advice.declared) == ("vllm", False)
    assert h20.layout.precision.key == "bf16"
    ascend = recommend(known_model("Qwen3-32B"), Fleet.parse("8x Ascend-910B3"))
    assert (ascend.advice.engine, ascend.advice.declared) == ("vllm-ascend", True)
    tight = recommend(
        known_model("Qwen3-14B"), Fleet.parse("RTX 4090"), context=4096, concurrency=4
    )
    assert tight.layout.fits
    assert tight.layout.precision.quality > 0
    assert "--quantization" in tight.advice.options
    assert "评测" in tight.advice.note.zh
    search = recommend(known_model("bge-m3"), Fleet.parse("L20"))
    assert search.advice.options == ("--runner", "pooling")
    old = recommend(known_model("MedGemma-27B"), Fleet.parse("4x Ascend-310P-Duo"), context=2048)
    assert old.layout.precision.key != "bf16"
    experts = recommend(known_model("AntAngelMed"), Fleet.parse("8x H20"))
    assert "--enable-expert-parallel" in experts.advice.options
