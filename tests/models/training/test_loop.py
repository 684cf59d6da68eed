"""The loop learns, repeats, resumes to the same weights, and stops between steps."""

from dataclasses import replace

import pytest
import torch

from models.training import checkpoint as checkpoints
from models.training import model as decoders
from models.training.corpus import write
from models.training.errors import CheckpointMalformed, TrainingDiskFull, TrainingDiverged
from models.training.loop import Surroundings, rate_scale, train
from models.training.optimiser import orthogonalise
from models.training.recipe import Schedule

pytestmark = pytest.mark.slow


@pytest.fixture
def corpus(tokenizer, examples, tmp_path):
    return write(tmp_path / "corpus", examples, tokenizer, longest=128)


def fresh(recipe):
    return decoders.build(recipe.shape, seed=recipe.seed, eos=3, pad=0)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_loss_falls_and_progress_is_told(recipe, corpus):
    recipe = replace(recipe, schedule=replace(recipe.schedule, steps=40))
    told = []
    outcome = train(fresh(recipe), corpus, recipe, Surroundings(report=told.append))
    assert outcome.finished
    assert [one.step for one in told] == list(range(1, 41))
    assert told[-1].loss < 0.7 * told[0].loss
    assert told[-1].rate < 0.1 * recipe.schedule.matrix_rate
    assert told[-1].tokens_per_s > 0


def test_the_same_seed_gives_the_same_weights(recipe, corpus):
    one, two = fresh(recipe), fresh(recipe)
    train(one, corpus, recipe, Surroundings())
    train(two, corpus, recipe, Surroundings())
    assert torch.equal(weights(one), weights(two))
    other = fresh(replace(recipe, seed=6))
    assert not torch.equal(weights(fresh(recipe)), weights(other))


@pytest.mark.parametrize("stop_at", [3, 4, 9])
def test_an_interrupted_run_ends_with_the_same_weights(recipe, corpus, tmp_path, stop_at):
    whole = fresh(recipe)
    train(whole, corpus, recipe, Surroundings())
    told = []
    halves = Surroundings(
        checkpoints=tmp_path / "c", report=told.append, stop=lambda: len(told) == stop_at
    )
    outcome = train(fresh(recipe), corpus, recipe, halves)
    assert (outcome.finished, outcome.step) == (False, stop_at)
    resumed = fresh(recipe)
    outcome = train(resumed, corpus, recipe, Surroundings(checkpoints=tmp_path / "c"))
    assert (outcome.finished, outcome.step) == (True, 12)
    assert torch.equal(weights(whole), weights(resumed))


def test_a_lost_process_goes_on_from_the_last_checkpoint(recipe, corpus, tmp_path):
    class Killed(Exception):
        pass

    def die(progress):
        if progress.step == 7:
            raise Killed

    with pytest.raises(Killed):
        train(fresh(recipe), corpus, recipe, Surroundings(checkpoints=tmp_path, report=die))
    assert checkpoints.newest(tmp_path, recipe.as_dict()).step == 4


def test_a_checkpoint_of_another_recipe_is_refused(recipe, corpus, tmp_path):
    train(fresh(recipe), corpus, recipe, Surroundings(checkpoints=tmp_path))
    with pytest.raises(CheckpointMalformed):
        train(fresh(recipe), corpus, replace(recipe, seed=9), Surroundings(checkpoints=tmp_path))


@pytest.mark.parametrize("name", ["model.safetensors", "optimiser.safetensors", "state.json"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b'{"step": "x"}'])
def test_a_damaged_checkpoint_is_a_sentence(recipe, corpus, tmp_path, name, content):
    train(fresh(recipe), corpus, recipe, Surroundings(checkpoints=tmp_path))
    newest = max(tmp_path.iterdir())
    (newest / name).write_bytes(content)
    with pytest.raises(CheckpointMalformed):
        checkpoints.newest(tmp_path, recipe.as_dict())


def test_a_half_written_checkpoint_is_not_seen(recipe, corpus, tmp_path):
    train(fresh(recipe), corpus, recipe, Surroundings(checkpoints=tmp_path))
    (tmp_path / ".step-000000099.draft").mkdir()
    assert checkpoints.newest(tmp_path, recipe.as_dict()).step == 12
    assert len([path for path in tmp_path.iterdir() if path.name.startswith("step-")]) == 2


def test_a_full_disk_leaves_the_last_checkpoint(recipe, corpus, tmp_path, monkeypatch):
    train(fresh(recipe), corpus, recipe, Surroundings(checkpoints=tmp_path))
    before = checkpoints.newest(tmp_path, recipe.as_dict())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(TrainingDiskFull):
        checkpoints.save(tmp_path, replace(before, step=99))
    assert checkpoints.newest(tmp_path, recipe.as_dict()).step == 12
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_divergence_is_named(recipe, corpus):
    model = fresh(recipe)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingDiverged) as refusal:
        train(model, corpus, recipe, Surroundings())
    assert refusal.value.facts["step"] == 1


def test_a_slow_clock_ends_the_run_with_the_full_decay(recipe, corpus):
    ticks = iter(range(10_000))
    schedule = replace(recipe.schedule, steps=100_000, minutes=0.5)
    told = []
    outside = Surroundings(report=told.append, clock=lambda: float(next(ticks)))
    outcome = train(fresh(recipe), corpus, replace(recipe, schedule=schedule), outside)
    assert outcome.finished
    assert outcome.step == 30
    assert told[-1].rate == 0


def test_padding_on_the_right_changes_nothing(recipe, corpus):
    model = fresh(recipe).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    padded = torch.tensor([[5, 6, 7, 8, 0, 0], [9, 9, 9, 9, 9, 9]])
    targets = torch.tensor([[-100, 7, 8, 3]])
    longer = torch.full((2, 6), -100)
    longer[0, :4] = targets[0]
    short = decoders.answer_loss(model, ids, targets)
    assert torch.allclose(short, decoders.answer_loss(model, padded, longer), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 16, 48), (3, 48, 16), (2, 32, 32)])
def test_updates_are_nearly_orthogonal(shape):
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.max() < 1.3
    assert values.min() > 0.3


def test_the_rate_rises_stays_and_falls():
    schedule = Schedule(steps=100, warmup=9, decay=0.5)
    scales = [rate_scale(schedule, step, step / 100) for step in range(101)]
    assert scales[0] == pytest.approx(0.1)
    assert scales[20] == 1.0
    assert scales[75] == pytest.approx(0.5)
    assert scales[100] == 0.0


def test_a_checkpoint_travels_as_bytes():
    kept = checkpoints.Checkpoint(
        step=4,
        tokens=99,
        seconds=1.25,
        recipe={"name": "x"},
        model={"a.weight": torch.arange(6.0).reshape(2, 3)},
        optimiser={"momentum.a.weight": torch.ones(2, 3)},
        random_state=torch.get_rng_state(),
    )
    again = checkpoints.unpack(checkpoints.pack(kept))
    assert (again.step, again.tokens, again.seconds, again.recipe) == (4, 99, 1.25, {})
    assert torch.equal(again.model["a.weight"], kept.model["a.weight"])
    assert torch.equal(again.optimiser["momentum.a.weight"], torch.ones(2, 3))
    assert torch.equal(again.random_state, kept.random_state)
    for raw in (b"", b"\x80\x04", checkpoints.pack(kept)[:-9]):
        with pytest.raises(CheckpointMalformed):
            checkpoints.unpack(raw)
