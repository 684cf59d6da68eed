"""`wardbox model plan`: answers without a box, one exit status for each outcome, stable JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.__main__ import main
from appliance.contract.planning import PlanView

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "models/reference_model/wardbox-reference.gguf"
DOCUMENT = ROOT / "docs/operate/capacity.md"


@pytest.fixture(autouse=True)
def no_box(tmp_path, monkeypatch):
    monkeypatch.setenv("WARDBOX_STATE", str(tmp_path))


def plan(*words: str) -> int:
    return main(["model", "plan", *words])


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


def test_a_plan_for_people(capsys) -> None:
    assert plan("Qwen3-32B", "--gpus", "8x H20-96G", "--train") == 0
    told = capsys.readouterr().out
    for part in (
        "放得下 fits",
        "张量并行",
        "first token",
        "Precisions",
        "Training",
        "distributors",
    ):
        assert part in told


def test_a_plan_for_programs_has_the_documented_keys(capsys) -> None:
    words = ("Qwen3-32B", "--gpus", "8xH20", "--tp", "8", "--context", "8192", "--concurrency")
    assert plan(*words, "32", "--train", "--json") == 0
    wire = json.loads(capsys.readouterr().out)
    assert PlanView.model_validate(wire).chosen.tensor_parallel == 8
    assert [layout["tensor_parallel"] for layout in wire["layouts"]] == [8]
    document = DOCUMENT.read_text("utf-8")
    assert {key for key in keys(wire) if f"`{key}`" not in document} == set()


def test_what_does_not_fit_says_so(capsys) -> None:
    assert plan("DeepSeek-R1", "--gpus", "A10") == 4
    assert "does not fit" in capsys.readouterr().out


def test_a_file_is_planned(capsys) -> None:
    assert plan(str(REFERENCE), "--gpus", "L20", "--json") == 0
    wire = json.loads(capsys.readouterr().out)
    assert (wire["model"]["name"], wire["chosen"]["engine"]) == (REFERENCE.name, "llama.cpp")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("Qwen3-32B",), "plan.card-unknown"),
        (("Qwen3-32B", "--gpus", "8x TPU"), "plan.card-unknown"),
        (("Qwen3-32B", "--gpus", "0x H20"), "plan.count-refused"),
        (("Qwen3-32B", "--gpus", "8x H20", "--tp", "3"), "plan.split-refused"),
        (("Qwen3-32B", "--gpus", "8x H20", "--context", "99999999"), "plan.context-beyond"),
        (("Qwen3-32B", "--gpus", "8x H20", "--concurrency", "-1"), "plan.count-refused"),
        (("Qwen3-32B", "--gpus", "A10", "--precision", "fp8"), "plan.precision-refused"),
        (("no-such-model", "--gpus", "H20"), "plan.model-unknown"),
        (("\x1b[31m", "--gpus", "H20"), "plan.model-unknown"),
        ((str(ROOT / "README.md"), "--gpus", "H20"), "model.gguf-malformed"),
    ],
)
def test_bad_input_is_a_sentence_with_a_way_out(words, code: str, capsys) -> None:
    assert plan(*words) == 1
    told = capsys.readouterr().err
    assert f"[{code}]" in told
    assert "→" in told
    assert "\x1b" not in told
    assert "Traceback" not in told


def test_without_a_model_it_shows_an_example(capsys) -> None:
    assert plan() == 2
    assert "--gpus" in capsys.readouterr().err


def test_the_list_names_models_and_cards(capsys) -> None:
    assert plan("--list") == 0
    told = capsys.readouterr().out
    assert "AntAngelMed" in told
    assert "Ascend-910B3" in told
    assert plan("--list", "--json") == 0
    wire = json.loads(capsys.readouterr().out)
    assert {"Qwen3-32B", "bge-m3"} <= {model["id"] for model in wire["models"]}
    assert {"H20-96G", "P800"} <= {card["card"] for card in wire["cards"]}


def test_a_plan_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom models.known.subject import named_subject\n"
        "from models.planning.inquiry import Inquiry, answer\n"
        "answer(named_subject('Qwen3-8B'), Inquiry('H20'))\n"
        "print([n for n in ('torch', 'numpy', 'pydantic', 'transformers') if n in sys.modules])"
    )
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert told.strip() == "[]"
