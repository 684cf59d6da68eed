"""Predicted against published: the same table stands in docs/operate/capacity.md."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.hardware.datasheets import sheet_named
from models.known.catalogue import known_model
from models.planning.fleet import Fleet
from models.planning.serving import Layout, Question, plan_serving
from models.planning.shape import ModelShape
from models.planning.speed import BANDWIDTH_SHARE, MATRIX_SHARE
from models.planning.training import Course, plan_training

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/operate/capacity.md"
# ByteDance Seed-OSS-36B, the dense 36B with which mixtures of experts are compared.
SEED_36B = ModelShape("seed_oss", 64, 5120, 80, 8, 128, 27_648, 155_136, 524_288)


def layout(shape: ModelShape | str, gpus: str, **asked: object) -> Layout:
    found = known_model(shape).shape if isinstance(shape, str) else shape
    return plan_serving(Question(found, Fleet.parse(gpus), **asked)).chosen


def saturated(model: str, gpus: str, prompt: int, output: int) -> float:
    """Prompt and output tokens a second with as many sequences as fit."""
    asked = {"precision": "bf16", "context": prompt + output, "prompt": prompt, "output": output}
    most = layout(model, gpus, concurrency=1, **asked).most_concurrent
    return layout(model, gpus, concurrency=most, **asked).pace.requests_s * (prompt + output)


TENDER = {"split": 8, "prompt": 2048, "output": 512, "concurrency": 32}
ALONE = {"concurrency": 1, "prompt": 1, "output": 2048}


@dataclass(frozen=True)
class Row:
    """One published figure; `bound` is "=" for a measurement, "<" or ">" for a promise."""

    what: str
    published: float
    bound: str
    predicted: Callable[[], float]
    source: str


ROWS = (
    Row("Qwen3-32B, 8x H20-96G: TTFT, s", 1.0, "<",
        lambda: layout("Qwen3-32B", "8x H20", **TENDER).pace.ttft_busy_s, "tender"),
    Row("Qwen3-32B, 8x H20-96G: requests/s", 1.3, ">",
        lambda: layout("Qwen3-32B", "8x H20", **TENDER).pace.requests_s, "tender"),
    Row("Qwen3-0.6B bf16, 1x H20-96G: tokens/s alone", 414.17, "=",
        lambda: layout("Qwen3-0.6B", "H20", precision="bf16", **ALONE).pace.decode_tokens_s,
        "Qwen3 speed benchmark (SGLang)"),
    Row("Qwen3-0.6B fp8, 1x H20-96G: tokens/s alone", 458.03, "=",
        lambda: layout("Qwen3-0.6B", "H20", precision="fp8", **ALONE).pace.decode_tokens_s,
        "Qwen3 speed benchmark (SGLang)"),
    Row("AntAngelMed fp8, 2x H20-96G: tokens/s alone", 200.0, ">",
        lambda: layout("AntAngelMed", "2x H20", concurrency=1).pace.decode_tokens_s,
        "AntAngelMed model card (number of cards not told)"),
    Row("AntAngelMed over a dense 36B, 4x H20-96G", 3.0, "=",
        lambda: layout("AntAngelMed", "4x H20", concurrency=1, split=4).pace.decode_tokens_s
        / layout(SEED_36B, "4x H20", concurrency=1, split=4).pace.decode_tokens_s,
        "AntAngelMed model card"),
    Row("Qwen3-32B bf16, 1x A100-80G, 2000 + 100: tokens/s in all", 2521.38, "=",
        lambda: saturated("Qwen3-32B", "A100-80G", 2000, 100), "GPUStack lab (vLLM 0.11)"),
    Row("Qwen3-32B bf16, 1x A100-80G, 4000 + 200: tokens/s in all", 1837.08, "=",
        lambda: saturated("Qwen3-32B", "A100-80G", 4000, 200), "GPUStack lab (vLLM 0.11)"),
    Row("Qwen3-32B bf16, 1x H100-SXM, 2000 + 100: tokens/s in all", 3195.30, "=",
        lambda: saturated("Qwen3-32B", "H100", 2000, 100), "GPUStack lab (vLLM 0.11)"),
    Row("Qwen3-32B bf16, 1x H100-SXM, 4000 + 200: tokens/s in all", 2148.69, "=",
        lambda: saturated("Qwen3-32B", "H100", 4000, 200), "GPUStack lab (vLLM 0.11)"),
    Row("Qwen3-8B bf16, 1x H100-SXM, 128 + 1024, 396 users: output tokens/s", 13_322.0, "=",
        lambda: layout("Qwen3-8B", "H100", precision="bf16", prompt=128, output=1024,
                       context=1152, concurrency=396).pace.output_tokens_s,
        "silybench (engine 0.30.0)"),
    Row("Qwen3-8B bf16, 1x H100-SXM, 1152 tokens: sequences that fit", 327.0, "=",
        lambda: layout("Qwen3-8B", "H100", precision="bf16", context=1152).most_concurrent,
        "silybench (engine 0.30.0)"),
    Row("Qwen3-8B full training, 8x H100-SXM, 184 x 512 tokens: s a step", 3.0, "<",
        lambda: plan_training(known_model("Qwen3-8B").shape, Fleet.parse("8x H100"),
                              Course("full", True, sequence=512, samples=23)).step_s, "tender"),
)  # fmt: skip


def written(row: Row) -> str:
    """The row as it stands in the document."""
    found = row.predicted()
    sign = {"<": "≤ ", ">": "≥ ", "=": ""}[row.bound]
    ratio = found / row.published
    return f"| {row.what} | {sign}{row.published:g} | {found:.4g} | {ratio:.2f} | {row.source} |"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_prediction_is_near_what_was_published(row: Row) -> None:
    found = row.predicted()
    if row.bound == "<":
        assert found <= row.published
    elif row.bound == ">":
        assert found >= row.published
    else:
        # A roofline is an outlook, not a measurement: within a factor of two, mostly above.
        assert row.published / 2 < found < row.published * 2


def test_the_document_holds_the_table() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    missing = [written(row) for row in ROWS if written(row) not in document]
    assert missing == [], "\n".join(map(written, ROWS))


def test_no_share_is_above_what_was_measured() -> None:
    for name, matrix in (("H100-SXM", 798.0), ("H200", 800.0)):
        sheet = sheet_named(name)
        assert sheet.measured_gb_s / sheet.bandwidth_gb_s > BANDWIDTH_SHARE
        assert matrix / sheet.bf16 > MATRIX_SHARE
