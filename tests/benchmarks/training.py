"""Training tokens per second on the record mix: our loop against Hugging Face Trainer."""

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

import torch
from transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils import logging as transformers_logging

from models.training import model as decoders
from models.training import reference
from models.training import tokenizer as cutting
from models.training.corpus import Corpus
from models.training.loop import Progress, Surroundings, train
from models.training.recipe import Recipe, Schedule

GOAL = 1.3


class Stopwatch(TrainerCallback):
    """Times the steps alone: no set-up, no data preparation before the first step."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def on_train_begin(self, *_, **__) -> None:
        self._since = time.perf_counter()

    def on_train_end(self, *_, **__) -> None:
        self.seconds = time.perf_counter() - self._since


def rows_of(corpus: Corpus, seed: int, count: int) -> list[dict[str, list[int]]]:
    """Examples as Trainer takes them, in random order, with the loss on the answer as ours."""
    chosen = random.Random(seed).sample(range(len(corpus)), count)
    rows = []
    for index in chosen:
        ids = corpus.tokens[corpus.starts[index] : corpus.starts[index + 1]].tolist()
        answer = int(corpus.answers[index])
        rows.append(
            {
                "input_ids": ids,
                "attention_mask": [1] * len(ids),
                "labels": [-100] * answer + ids[answer:],
            }
        )
    return rows


def trainer_rate(recipe: Recipe, corpus: Corpus, folder: Path, batch: int, seed: int) -> float:
    """Tokens per second of Trainer with its stock collator (padding to the longest of a batch)."""
    stock = PreTrainedTokenizerFast.from_pretrained(str(folder))
    rows = rows_of(corpus, seed, recipe.schedule.steps * batch)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as out:
        settings = TrainingArguments(
            output_dir=out,
            max_steps=recipe.schedule.steps,
            per_device_train_batch_size=batch,
            learning_rate=recipe.schedule.other_rate,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
        )
        model = decoders.build(recipe.shape, seed=1, eos=0, pad=0)
        collator = DataCollatorForSeq2Seq(stock, padding=True)
        trainer = Trainer(
            model, settings, train_dataset=rows, data_collator=collator, callbacks=[watch]
        )
        trainer.train()
    return sum(len(row["input_ids"]) for row in rows) / watch.seconds


def our_rate(recipe: Recipe, corpus: Corpus) -> float:
    """Tokens per second of our loop; padding is not counted."""
    last: list[Progress] = []
    model = decoders.build(recipe.shape, seed=1, eos=0, pad=0)
    train(model, corpus, recipe, Surroundings(report=last.append))
    return last[-1].tokens_per_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=1500)
    chosen = parser.parse_args()
    transformers_logging.set_verbosity_error()
    torch.set_num_threads(chosen.threads)
    schedule = Schedule(
        steps=chosen.steps, tokens_per_batch=4096, matrix_rate=0.005, other_rate=0.004
    )
    recipe = Recipe(
        "benchmark", shape=reference.RECIPE.shape, schedule=schedule, threads=chosen.threads
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer, corpus = reference.prepare(folder, recipe, chosen.records)
        cutting.save(tokenizer, folder / "model")
        mean = corpus.lengths.mean()
        batch = max(1, round(schedule.tokens_per_batch / mean))
        print(
            f"{len(corpus)} records, {mean:.0f} tokens each, {chosen.threads} thread(s), "
            f"float32, {sum(p.numel() for p in decoders.build(recipe.shape, seed=1, eos=0, pad=0).parameters()):,} parameters"
        )
        ratios = []
        for seed in range(chosen.rounds):
            theirs = trainer_rate(recipe, corpus, folder / "model", batch, seed)
            ours = our_rate(recipe, corpus)
            ratios.append(ours / theirs)
            print(
                f"round {seed + 1}: ours {ours:,.0f} tokens/s, Trainer {theirs:,.0f} tokens/s, "
                f"ratio {ours / theirs:.2f}"
            )
    ratio = statistics.median(ratios)
    print(f"median ratio {ratio:.2f} (goal {GOAL}): {'met' if ratio >= GOAL else 'missed'}")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
