"""The reference recipe, the examination of a model, and the model that the repository carries."""

import argparse
import json
import random
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.__main__ import main
from models.card import ModelCard
from models.reference.placeholders import mask_sheet
from models.reference.prompting import reference_note
from models.training import command, reference, release
from models.training.errors import QualityTooLow, RecipeMalformed
from models.training.loop import Outcome, Surroundings
from models.training.quality import KINDS, chats, judge, patients, share, table
from models.training.recipe import parse
from models.training.release import check_package

ROOT = Path(__file__).parents[3]
CARRIED = ROOT / "models" / "reference_model"


@pytest.fixture(scope="module")
def facts():
    return patients("ordinary", 5, 12)


def right_notes(facts):
    chance = random.Random(1)
    return [reference_note(mask_sheet(one)[0], chance).text for one in facts]


def test_right_notes_are_counted_as_right(facts):
    quality = judge("ordinary", 5, facts, right_notes(facts))
    assert quality.good
    assert quality.bare.fields[0] == quality.bare.fields[1] > 300
    assert quality.bare.sides[0] == quality.bare.sides[1] > 20
    assert (quality.repairs, quality.flags) == (0, 0)


def test_a_turned_side_is_counted_and_put_right(facts):
    notes = right_notes(facts)
    notes[0] = notes[0].replace("左眼", "〇").replace("右眼", "左眼").replace("〇", "右眼")
    quality = judge("ordinary", 5, facts, notes)
    assert quality.bare.sides[0] < quality.bare.sides[1]
    assert not quality.good
    assert quality.checked.whole == quality.checked.notes
    assert quality.repairs > 0
    assert "wrong fields" in table(quality)


@pytest.mark.parametrize("junk", ["", "。。。", "⟦姓名⟧" * 500, "左眼" * 3000, "<|im_end|>\x00"])
def test_junk_is_judged_and_replaced(facts, junk):
    quality = judge("odd", 5, facts, [junk] * len(facts))
    assert quality.bare.whole == 0
    assert quality.bare.well_formed == 0
    assert quality.checked.whole == quality.checked.notes


def test_patients_repeat_by_seed_and_no_identity_is_asked(facts):
    assert patients("ordinary", 5, 12) == facts
    assert patients("ordinary", 6, 12) != facts
    for one, chat in zip(facts, chats(facts), strict=True):
        sent = json.dumps(chat, ensure_ascii=False)
        for key in ("patient.name", "patient.phone", "patient.id_number", "patient.admission_no"):
            assert key not in one.values or one.values[key] not in sent


@pytest.mark.parametrize("kind", KINDS)
def test_right_notes_of_every_kind_are_right(kind):
    sheets = patients(kind, 8, 6)
    quality = judge(kind, 8, sheets, right_notes(sheets))
    assert quality.bare.whole == quality.checked.whole == 6


def test_shares():
    assert share((0, 0)) == 1.0
    assert share((1, 4)) == 0.25


def test_the_recipe_can_be_written_and_read():
    assert parse(json.loads(json.dumps(reference.RECIPE.as_dict()))) == reference.RECIPE
    with pytest.raises(RecipeMalformed):
        reference.recipe(seed=1, threads=0, minutes=1)


def test_a_model_that_misses_its_goals_is_kept_and_refused(tmp_path, monkeypatch):
    facts = patients("ordinary", 5, 2)
    seen = {kind: judge("ordinary", 5, facts, ["", ""]) for kind in KINDS[:1]}
    good = judge("ordinary", 5, facts, right_notes(facts))
    monkeypatch.setattr(
        command, "_examine", lambda _args, _model, kind, _seed: seen.get(kind, good)
    )
    monkeypatch.setattr(reference, "card", lambda *_, **__: None)
    monkeypatch.setattr(release, "sign_once", lambda *_, **__: None)
    made = SimpleNamespace(
        gguf=tmp_path / "made.gguf", outcome=SimpleNamespace(step=1, tokens=1, seconds=1)
    )
    made.gguf.write_bytes(b"GGUF")
    args = argparse.Namespace(out=tmp_path, seed=1)
    with pytest.raises(QualityTooLow) as told:
        command._finish(args, made, reference.RECIPE, 0.0)
    assert KINDS[0] in told.value.sentence
    assert "--minutes" in told.value.way_out
    assert (tmp_path / reference.GGUF_NAME).read_bytes() == b"GGUF"
    seen.clear()
    assert command._finish(args, made, reference.RECIPE, 0.0) == command.EXIT_OK


@pytest.mark.slow
def test_the_recipe_runs_and_can_be_stopped(tmp_path):
    small = replace(
        reference.RECIPE.shape, width=64, layers=1, heads=1, kv_heads=1, feed_forward=64
    )
    schedule = replace(reference.RECIPE.schedule, steps=2, tokens_per_batch=600, minutes=0)
    chosen = replace(reference.RECIPE, shape=small, schedule=schedule, threads=1)
    told = []
    stopped = Surroundings(
        checkpoints=tmp_path / "c", report=told.append, stop=lambda: len(told) == 1
    )
    outcome = reference.make(tmp_path, chosen, stopped, count=30)
    assert isinstance(outcome, Outcome)
    made = reference.make(tmp_path, chosen, Surroundings(checkpoints=tmp_path / "c"), count=30)
    assert made.outcome.step == 2
    assert made.gguf.read_bytes()[:4] == b"GGUF"
    quality = judge("ordinary", 5, patients("ordinary", 5, 2), ["", ""])
    card = reference.card(made, chosen, (quality,), day="2026-01-02")
    assert ModelCard.from_bytes(json.dumps(card.to_json()).encode()) == card


@pytest.mark.slow
def test_a_corpus_of_another_seed_is_not_taken(tmp_path):
    _, first = reference.prepare(tmp_path, reference.RECIPE, 30)
    stamp = (tmp_path / "corpus" / "tokens.npy").stat().st_mtime_ns
    reference.prepare(tmp_path, reference.RECIPE, 30)
    assert (tmp_path / "corpus" / "tokens.npy").stat().st_mtime_ns == stamp
    _, other = reference.prepare(tmp_path, replace(reference.RECIPE, seed=2), 30)
    assert first.tokens.tolist() != other.tokens.tolist()
    (tmp_path / "prepared.json").unlink()
    (tmp_path / "corpus" / "answers.npy").write_bytes(b"half")
    _, again = reference.prepare(tmp_path, reference.RECIPE, 30)
    assert len(again) == 30


@pytest.mark.slow
def test_placeholders_and_terms_are_single_tokens():
    tokenizer = reference.tokenizer(3, 5632)
    for text in ("⟦姓名⟧", "⟦手术日期⟧", "左眼", "晶状体", "患者", " the", "mmHg"):
        assert len(tokenizer.encode(text).ids) == 1, text


def test_a_missing_engine_is_a_sentence(tmp_path, capsys):
    wanted = ["train", "evaluate", "--model", "x.gguf", "--engine", str(tmp_path)]
    assert main(wanted) == 1
    assert "llama-server" in capsys.readouterr().err
    assert (
        main(["train", "reference", "--out", str(tmp_path / "o"), "--engine", str(tmp_path)]) == 1
    )
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"PK\x03\x04"])
def test_what_is_no_model_is_not_examined(tmp_path, capsys, content):
    (tmp_path / "llama-server").write_text("#!/bin/false")
    (tmp_path / "llama-server").chmod(0o755)
    model = tmp_path / "m.gguf"
    if content is not None:
        model.write_bytes(content)
    wanted = ["train", "evaluate", "--model", str(model), "--engine", str(tmp_path)]
    assert main(wanted) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_the_carried_model_is_whole():
    if not (CARRIED / reference.GGUF_NAME).is_file():
        pytest.skip("the reference model is not in this tree yet")
    card = ModelCard.from_bytes((CARRIED / "card.json").read_bytes())
    manifest = check_package(CARRIED)
    with (CARRIED / reference.GGUF_NAME).open("rb") as stream:
        assert file_digest(stream, "sha256").hexdigest() == manifest.main_file.sha256
    assert card.id == reference.MODEL_ID
    assert (CARRIED / reference.GGUF_NAME).stat().st_size <= 6_000_000
    figures = {(row.suite, row.metric): row for row in card.evaluations}
    bare = "admission note, ordinary unseen patients, bare"
    assert figures[bare, "fields exact"].value >= 0.98
    assert figures[bare, "laterality right"].value >= 0.998
    assert figures[bare, "notes well formed"].value == 1.0
    for kind in ("ordinary", "odd"):
        checked = f"admission note, {kind} unseen patients, checked"
        for metric in ("fields exact", "laterality right", "notes with names right"):
            assert figures[checked, metric].value == 1.0
