"""`wardbox model plan`: what fits on which cards, and how fast; needs no box."""

import argparse
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from appliance.commands.conversation import UNREACHABLE, converse, tell

if TYPE_CHECKING:
    from appliance.client.session import Session
    from models.errors import ModelsError

_NUMBERS: Final = (
    ("tp", "每份模型占用的卡数 cards that share one copy"),
    ("context", "每路上下文词元数 tokens of each sequence"),
    ("concurrency", "并发请求数 requests at once"),
    ("prompt", "典型输入词元数 tokens of a typical prompt"),
    ("output", "典型输出词元数 tokens of a typical answer"),
    ("sequence", "训练样本词元数 tokens of a training sample"),
    ("samples", "每卡每步样本数 training samples of a step on each card"),
    ("rank", "LoRA 秩 rank of adapters"),
)


DOES_NOT_FIT: Final = 4
"""Exit status of a plan that was made and does not fit."""


def add_plan(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `plan` to `wardbox model`."""
    plan = what.add_parser("plan", help="容量规划,不经过设备 what fits and how fast, without a box")
    plan.add_argument(
        "model",
        nargs="?",
        help="已知模型名、含 config.json 的文件夹、GGUF 文件或货架标识 "
        "a known name, a folder with config.json, a GGUF file or a shelf id",
    )
    plan.add_argument(
        "--gpus", default="", help='例如 for example "8x H20-96G"; here 表示本机 this machine'
    )
    for name, text in _NUMBERS:
        plan.add_argument(f"--{name}", type=int, metavar="N", help=text)
    plan.add_argument("--precision", help="bf16, fp8, int8, int4, q8_0, q4_k_m")
    plan.add_argument("--train", action="store_true", help="也规划训练 plan training too")
    plan.add_argument("--json", action="store_true", help="以 JSON 输出 print JSON")
    plan.add_argument("--list", action="store_true", help="列出已知的模型和卡 list what is known")


def run_plan(args: argparse.Namespace) -> int:
    """Plan.

    Returns:
        0 it fits, 1 refused, 2 wrong usage, 4 it does not fit.
    """
    if args.list:
        return _list_known(as_json=args.json)
    if args.model is None:
        tell(
            "缺少模型。 No model is given.",
            'wardbox model plan Qwen3-32B --gpus "8x H20-96G"; --list',
            "command.argument-refused",
        )
        return 2
    errors = import_module("models.errors")
    try:
        return _plan_here(args)
    except errors.ModelsError as error:
        refusal: ModelsError = error
        if refusal.code == "plan.model-unknown":
            return _ask_the_box(args, refusal)
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1


def _plan_here(args: argparse.Namespace) -> int:
    inquiry = import_module("models.planning.inquiry")
    subject = import_module("models.known.subject").find_subject(args.model)
    made = inquiry.answer(subject, inquiry.Inquiry(**_asked(args)))
    text = json.dumps(made.to_json(), ensure_ascii=False, indent=2) if args.json else made.to_text()
    print(_clean(text))
    return 0 if made.serving.chosen.fits else DOES_NOT_FIT


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    names = ("gpus", "precision", "train", *(name for name, _ in _NUMBERS))
    asked = {name: getattr(args, name) for name in names}
    fleet = import_module("models.planning.fleet")
    if asked["gpus"].strip().lower() == fleet.HERE:
        detect = import_module("models.hardware.detect").detect_hardware
        tool = import_module("models.engines.process").run_tool
        asked["gpus"] = fleet.Fleet.here(detect(runner=tool)).text
    return asked


def _ask_the_box(args: argparse.Namespace, refusal: "ModelsError") -> int:
    """A name that is not known may be one on the shelf, which only the box can read."""
    planning = import_module("appliance.contract.planning")

    async def ask(session: "Session") -> int:
        view = await session.plan_model(planning.PlanWish(model=args.model, **_asked(args)))
        print(_clean(view.model_dump_json(by_alias=True, indent=2)))
        return 0 if view.fits else DOES_NOT_FIT

    layout = import_module("appliance.settings.layout")
    socket = layout.StateLayout(layout.state_directory(args.environ)).socket
    if not socket.exists():
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1
    status = converse(args, ask)
    if status == UNREACHABLE:
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1
    return status


def _list_known(*, as_json: bool) -> int:
    models = import_module("models.known.catalogue").KNOWN
    sheets = import_module("models.hardware.datasheets").SHEETS
    if as_json:
        rows = [
            {
                "id": model.id,
                "maker": model.maker,
                "purpose": model.purpose,
                "parameters": model.shape.parameters,
                "context": model.shape.context,
                "licence": model.licence,
            }
            for model in models
        ]
        cards = [
            {"card": s.key, "vendor": s.vendor, "memory_bytes": s.memory_bytes} for s in sheets
        ]
        print(json.dumps({"models": rows, "cards": cards}, ensure_ascii=False, indent=2))
        return 0
    lines = ["模型 Models"]
    for model in models:
        size = f"{model.shape.parameters / 1e9:.1f} B"
        lines.append(f"  {model.id:<32} {size:>8}  {model.shape.context:>7}  {model.licence}")
    lines.append("加速卡 Cards")
    for sheet in sheets:
        mark = "*" if sheet.uncertain else " "
        size = f"{sheet.memory_bytes / (1 << 30):.0f} GiB"
        rate = f"{sheet.bandwidth_gb_s:g} GB/s"
        lines.append(f"  {sheet.key:<16}{mark} {sheet.vendor:<10} {size:>8}  {rate}")
    lines.append("* 部分数据厂商未公布 its maker has not published everything")
    print("\n".join(lines))
    return 0


def _clean(text: str) -> str:
    """Nothing that a file's name or a shelf's answer holds may steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
