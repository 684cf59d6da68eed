"""The command line of the models room: inspect a model file, train a model."""

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.formats.inspect import Inspection

ACCEPTED, REFUSED, UNUSABLE = 0, 1, 2


def main(argv: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 when a model is accepted, 1 when it is refused, 2 for wrong usage or a path that cannot
        be read; training returns its own status.
    """
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="wardbox", description="模型工具 Model tools")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_model(commands)
    training = None
    # The training room imports slowly, so it is asked only when its word comes first.
    if arguments[:1] == ["train"]:
        training = import_module("models.training.command")
        training.add_parser(commands)
    else:
        commands.add_parser("train", help="训练模型 train a model", add_help=False)
    chosen = parser.parse_args(arguments)
    if training is not None:
        return int(training.run(chosen))
    return _inspect(Path(chosen.file), as_json=chosen.json, digest=chosen.sha256)


def _add_model(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    model = commands.add_parser("model", help="检查模型文件 judge a model file")
    verbs = model.add_subparsers(dest="verb", required=True)
    inspect = verbs.add_parser("inspect", help="检查一个文件或文件夹 judge one file or folder")
    inspect.add_argument("file", help="GGUF 或 safetensors 文件,或模型文件夹 file or folder")
    inspect.add_argument("--json", action="store_true", help="以 JSON 输出 print JSON")
    inspect.add_argument("--sha256", action="store_true", help="同时计算摘要 digest it too")


def _inspect(path: Path, *, as_json: bool, digest: bool) -> int:
    errors = import_module("models.errors")
    inspect = import_module("models.formats.inspect")
    try:
        verdict: Inspection = inspect.inspect_file(path)
        sha256 = _sha256(path) if digest and path.is_file() else None
    except errors.ModelsError as error:
        _print_error(path, error, as_json=as_json)
        return UNUSABLE
    if as_json:
        print(json.dumps(verdict.to_json(_shown(path), sha256), ensure_ascii=False))
    else:
        _print_verdict(verdict, sha256)
    return ACCEPTED if verdict.accepted else REFUSED


def _shown(path: Path) -> str:
    """The path as JSON can hold it: a name on a disk need not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return str(import_module("hashlib").file_digest(stream, "sha256").hexdigest())


def _print_verdict(verdict: "Inspection", sha256: str | None) -> None:
    print(f"{'接受 accepted' if verdict.accepted else '拒绝 refused'}: {verdict.code}")
    print(verdict.reason.zh)
    print(verdict.reason.en)
    if verdict.summary is not None:
        facts = verdict.summary
        print(
            f"{facts.kind} {facts.architecture} {facts.quantisation} "
            f"参数 parameters {facts.parameters:,} 上下文 context {facts.context:,} "
            f"字节 bytes {verdict.bytes:,}"
        )
    elif verdict.way_out.zh:
        print(verdict.way_out.zh)
        print(verdict.way_out.en)
    if sha256 is not None:
        print(f"sha256 {sha256}")


def _print_error(path: Path, error: "Exception", *, as_json: bool) -> None:
    if not as_json:
        print(f"{error}\n{getattr(error, 'way_out', '')}", file=sys.stderr)
        return
    wire = {
        "file": _shown(path),
        "accepted": False,
        "kind": "unknown",
        "code": getattr(error, "code", ""),
        "reason": {
            "zh": getattr(error, "sentence_zh", ""),
            "en": getattr(error, "sentence_en", ""),
        },
        "way_out": {"zh": getattr(error, "way_out_zh", ""), "en": getattr(error, "way_out_en", "")},
        "summary": {},
        "bytes": 0,
    }
    print(json.dumps(wire, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
