"""`wardbox train`: retrain the reference model, or examine a model file."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import orjson

from models.errors import ModelsError
from models.training.errors import QualityTooLow

if TYPE_CHECKING:
    from models.training.loop import Progress
    from models.training.quality import Kind, Quality

EXIT_OK, EXIT_REFUSED, EXIT_INTERRUPTED = 0, 1, 75
_TELL_EVERY_S = 5.0
_EXAMINATION_SEED = 20_260
Subparsers = Any


def add_parser(subparsers: Subparsers) -> None:
    """Add `train reference` and `train evaluate` to a parser's commands."""
    parser = subparsers.add_parser("train", help="训练模型 train a model")
    verbs = parser.add_subparsers(dest="verb", required=True)
    reference = verbs.add_parser("reference", help="重新训练参考模型 retrain the reference model")
    reference.add_argument("--out", type=Path, default=Path("reference-model"))
    reference.add_argument("--threads", type=int, default=2)
    reference.add_argument("--minutes", type=float, default=24.0, help="训练时限 limit of training")
    reference.add_argument("--steps", type=int, default=None, help=argparse.SUPPRESS)
    reference.add_argument("--records", type=int, default=None, help=argparse.SUPPRESS)
    reference.add_argument("--seed", type=int, default=1)
    evaluate = verbs.add_parser("evaluate", help="检验一个模型文件 examine a model file")
    evaluate.add_argument("--model", type=Path, required=True)
    evaluate.add_argument(
        "--kind", choices=("ordinary", "odd", "english", "department"), default="ordinary"
    )
    evaluate.add_argument("--seed", type=int, default=_EXAMINATION_SEED)
    evaluate.add_argument("--threads", type=int, default=2)
    evaluate.add_argument("--json", action="store_true")
    for verb in (reference, evaluate):
        verb.add_argument("--patients", type=int, default=500)
        verb.add_argument(
            "--engine", type=Path, default=None, help="llama-server 所在目录 its folder"
        )


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb; refusals become a sentence and a way out."""
    try:
        return _evaluate(args) if args.verb == "evaluate" else _reference(args)
    except ModelsError as refusal:
        _say(f"{refusal.sentence}\n{refusal.way_out}", to=sys.stderr)
        return EXIT_REFUSED


def _say(text: str, *, to: Any = None) -> None:
    stream = to or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def _server(folder: Path | None) -> Path:
    from models.engines.llama_cpp import find_llama_server  # noqa: PLC0415

    if folder is not None:
        return find_llama_server([folder])
    built = sorted(Path.home().glob(".cache/wardbox/engine/*"), reverse=True)
    found = shutil.which("llama-server")
    return find_llama_server([*built, *([Path(found)] if found else [])])


def _examine(args: argparse.Namespace, model: Path, kind: "Kind", seed: int) -> "Quality":
    from models.training.quality import Examination, examine  # noqa: PLC0415
    from models.training.served import Serving  # noqa: PLC0415

    wanted = Examination(kind, seed, args.patients)
    return examine(_server(args.engine), model, wanted, Serving(threads=args.threads))


def _evaluate(args: argparse.Namespace) -> int:
    from models.training.quality import table  # noqa: PLC0415

    quality = _examine(args, args.model, args.kind, args.seed)
    _say(orjson.dumps(quality.as_dict()).decode() if args.json else table(quality))
    return EXIT_OK if quality.good else EXIT_REFUSED


def _stop_on_signal() -> Callable[[], bool]:
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        asked.append(number)

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return lambda: bool(asked)


def _teller() -> Callable[["Progress"], None]:
    last = [-_TELL_EVERY_S]

    def tell(progress: "Progress") -> None:
        if progress.seconds - last[0] < _TELL_EVERY_S and progress.fraction < 1:
            return
        last[0] = progress.seconds
        _say(
            f"{100 * progress.fraction:5.1f}%  步 step {progress.step}/{progress.steps}  "
            f"损失 loss {progress.smooth_loss:.4f}  {progress.tokens_per_s:,.0f} 词元/秒 tokens/s  "
            f"{progress.seconds / 60:.1f} 分 min"
        )

    return tell


def _reference(args: argparse.Namespace) -> int:
    from models.training import reference  # noqa: PLC0415
    from models.training.loop import Surroundings  # noqa: PLC0415

    began = time.monotonic()
    _server(args.engine)
    chosen = reference.recipe(
        seed=args.seed, threads=args.threads, minutes=args.minutes, steps=args.steps
    )
    work = args.out / "work"
    outside = Surroundings(
        checkpoints=work / "checkpoints", report=_teller(), stop=_stop_on_signal()
    )
    _say("生成虚构病历与分词器…… Inventing records and building the tokenizer ...")
    made = reference.make(work, chosen, outside, count=args.records or reference.RECORDS)
    if not isinstance(made, reference.Made):
        _say("已保存检查点,重新运行即可继续。 Checkpoint saved: run the same command to go on.")
        return EXIT_INTERRUPTED
    return _finish(args, made, chosen, began)


def _finish(args: argparse.Namespace, made: Any, chosen: Any, began: float) -> int:
    from models.training import reference  # noqa: PLC0415
    from models.training.quality import KINDS, table  # noqa: PLC0415
    from models.training.release import sign_once  # noqa: PLC0415

    minutes = (time.monotonic() - began) / 60
    _say(f"训练完成,正在检验…… Trained in {minutes:.1f} min; examining ...")
    examined = tuple(_examine(args, made.gguf, kind, args.seed) for kind in KINDS)
    for quality in examined:
        _say(table(quality))
    moment = datetime.fromtimestamp(time.time(), UTC)
    card = reference.card(made, chosen, examined, day=f"{moment:%Y-%m-%d}")
    target = args.out / reference.GGUF_NAME
    shutil.copyfile(made.gguf, target)
    sign_once(target, card, moment=moment)
    report = {
        "recipe": chosen.as_dict(),
        "steps": made.outcome.step,
        "tokens": made.outcome.tokens,
        "training_minutes": round(made.outcome.seconds / 60, 1),
        "examined": [quality.as_dict() for quality in examined],
    }
    _write(args.out / "training.json", report)
    minutes = (time.monotonic() - began) / 60
    _say(f"{target} ({target.stat().st_size:,} 字节 bytes), {minutes:.1f} 分钟 minutes")
    missed = [quality.kind for quality in examined if not quality.good]
    if missed:
        raise QualityTooLow(reason=", ".join(missed))
    return EXIT_OK


def _write(path: Path, document: Any) -> None:
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
