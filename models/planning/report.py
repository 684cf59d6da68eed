"""A plan for machines (stable JSON) and for people (a table in Chinese and English)."""

from collections.abc import Sequence
from typing import Final

from models.planning.advice import Advice
from models.planning.memory import GIBIBYTE, cache_bytes_per_token, weight_bytes
from models.planning.serving import Layout, ServingPlan
from models.planning.training import TrainingPlan

SCHEMA: Final = 1
"""Version of the JSON; a key is never renamed or dropped within one."""


def plan_json(
    model: str, plan: ServingPlan, advice: Advice, training: Sequence[TrainingPlan] = ()
) -> dict[str, object]:
    """The wire form; sizes in bytes, times in seconds, rates a second."""
    asked, chosen = plan.question, plan.chosen
    shape, sheet = asked.shape, asked.fleet.sheet
    return {
        "schema": SCHEMA,
        "model": {
            "name": model,
            "architecture": shape.architecture,
            "parameters": shape.parameters,
            "active_parameters": shape.active_parameters,
            "layers": shape.layers,
            "context": shape.context,
            "kv_bytes_per_token": cache_bytes_per_token(shape),
            "tensor_parallel_sizes": [
                width for width in shape.widths if width <= asked.fleet.count
            ],
        },
        "hardware": {
            "card": sheet.key,
            "vendor": sheet.vendor,
            "count": asked.fleet.count,
            "memory_bytes": sheet.memory_bytes,
            "bandwidth_bytes_s": sheet.bandwidth_bytes_s,
            "interconnect": sheet.link,
            "uncertain": list(sheet.uncertain),
            "source": sheet.source,
        },
        "wish": {
            "context": asked.context,
            "concurrency": asked.concurrency,
            "prompt": asked.prompt,
            "output": asked.output,
        },
        "fits": chosen.fits,
        "chosen": _layout_json(chosen),
        "advice": {
            "engine": advice.engine,
            "declared": advice.declared,
            "options": list(advice.options),
            "note": {"zh": advice.note.zh, "en": advice.note.en},
        },
        "layouts": [_layout_json(layout) for layout in plan.layouts],
        "precisions": [
            {**_layout_json(layout), "weights_bytes": weight_bytes(shape, layout.precision)}
            for layout in plan.precisions
        ],
        "training": [_training_json(one) for one in training],
    }


def _layout_json(layout: Layout) -> dict[str, object]:
    pace = layout.pace
    return {
        "precision": layout.precision.key,
        "engine": "llama.cpp" if layout.precision.gguf else "vllm",
        "tensor_parallel": layout.split,
        "replicas": layout.copies,
        "fits": layout.fits,
        "card_bytes": {
            "weights": layout.memory.weights,
            "kv_cache": layout.memory.cache,
            "activations": layout.memory.activations,
            "engine": layout.memory.engine,
            "total": layout.memory.total,
            "usable": layout.usable_bytes,
            "margin": layout.margin_bytes,
        },
        "most_concurrent": layout.most_concurrent,
        "prefill_tokens_s": round(pace.prefill_tokens_s, 1),
        "decode_tokens_s": round(pace.decode_tokens_s, 1),
        "stream_tokens_s": round(pace.stream_tokens_s, 1),
        "output_tokens_s": round(pace.output_tokens_s, 1),
        "requests_s": round(pace.requests_s, 3),
        "ttft_s": round(pace.ttft_s, 4),
        "ttft_busy_s": round(pace.ttft_busy_s, 4),
        "ttft_burst_s": round(pace.ttft_burst_s, 4),
    }


def _training_json(plan: TrainingPlan) -> dict[str, object]:
    course = plan.course
    return {
        "method": course.method,
        "checkpointing": course.checkpointing,
        "rank": course.rank if course.method != "full" else None,
        "sequence": course.sequence,
        "samples_per_card": course.samples,
        "trained_parameters": plan.trained,
        "fits": plan.fits,
        "card_bytes": {
            "weights": plan.weights,
            "gradients": plan.gradients,
            "optimizer": plan.optimiser,
            "activations": plan.activations,
            "engine": plan.engine,
            "total": plan.total_bytes,
            "usable": plan.usable_bytes,
            "margin": plan.margin_bytes,
        },
        "step_s": round(plan.step_s, 4),
        "samples_s": round(plan.samples_s, 3),
        "tokens_s": round(plan.tokens_s, 1),
    }


def plan_text(
    model: str, plan: ServingPlan, advice: Advice, training: Sequence[TrainingPlan] = ()
) -> str:
    """The plan for people."""
    asked, chosen = plan.question, plan.chosen
    shape = asked.shape
    lines = [
        f"{model} · {asked.fleet.text}",
        f"  参数 parameters        {_weights(shape.parameters)}"
        + (f"(每词元 active {_weights(shape.active_parameters)})" if shape.experts else ""),
        f"  缓存 KV cache          {cache_bytes_per_token(shape) / 1024:.0f} KiB/词元 token",
        (
            f"  设定 planned for       上下文 context {asked.context},并发 concurrency "
            f"{asked.concurrency},输入 prompt {asked.prompt},输出 output {asked.output}"
        ),
        "",
        *_verdict(chosen),
        f"  引擎 engine            {' '.join((advice.engine, *advice.options))}",
        f"                         {advice.note.zh} {advice.note.en}",
        "",
        "布局 Layouts",
        *_rows(plan.layouts),
        "",
        "量化 Precisions",
        *_rows(plan.precisions),
    ]
    if training:
        lines += ["", "训练 Training", *_training_rows(training)]
    if asked.fleet.sheet.uncertain:
        lines += [
            "",
            (
                f"* {asked.fleet.sheet.key}: 厂商未公布 not published by its maker: "
                f"{', '.join(asked.fleet.sheet.uncertain)}({asked.fleet.sheet.source})"
            ),
        ]
    return "\n".join(lines)


def _verdict(layout: Layout) -> list[str]:
    memory, pace = layout.memory, layout.pace
    word = "放得下 fits" if layout.fits else "放不下 does not fit"
    parts = (memory.weights, memory.cache, memory.activations, memory.engine)
    weights, cache, working, engine = (_gib(size) for size in parts)
    return [
        (
            f"  {word}: {layout.precision.key},张量并行 tensor parallel {layout.split} × "
            f"{layout.copies} 份 copies"
        ),
        (
            f"  每卡 per card          权重 weights {weights} + 缓存 KV {cache} + 激活 activations "
            f"{working} + 引擎 engine {engine} = {_gib(memory.total)} / {_gib(layout.usable_bytes)} GiB"
            f"(余 margin {_gib(layout.margin_bytes)})"
        ),
        f"  可容并发 room for      {layout.most_concurrent} 路 sequences",
        f"  预填 prefill           {pace.prefill_tokens_s:,.0f} 词元/秒 tokens/s",
        (
            f"  解码 decode            {pace.decode_tokens_s:.1f} 词元/秒 tokens/s 单路 alone,"
            f"{pace.stream_tokens_s:.1f} 并发时每路 each at concurrency,"
            f"{pace.output_tokens_s:,.0f} 合计 in all"
        ),
        (
            f"  首词 first token       {pace.ttft_s:.2f} s 空闲 idle,{pace.ttft_busy_s:.2f} s 并发 busy,"
            f"{pace.ttft_burst_s:.2f} s 齐发末位 last of a burst"
        ),
        f"  请求 requests          {pace.requests_s:.2f} /s",
    ]


def _rows(layouts: Sequence[Layout]) -> list[str]:
    head = (
        "  precision  tp x copies  GiB/card  margin  prefill/s  decode/s  requests/s  TTFT s  fits"
    )
    return [head] + [
        f"  {one.precision.key:<9}  {f'{one.split} x {one.copies}':<11}  "
        f"{_gib(one.memory.total):>8}  {_gib(one.margin_bytes):>6}  "
        f"{one.pace.prefill_tokens_s:>9,.0f}  {one.pace.decode_tokens_s:>8.1f}  "
        f"{one.pace.requests_s:>10.2f}  {one.pace.ttft_busy_s:>6.2f}  {'是 yes' if one.fits else '否 no'}"
        for one in layouts
    ]


def _training_rows(plans: Sequence[TrainingPlan]) -> list[str]:
    head = "  method  checkpointing  GiB/card  margin  step s  samples/s  tokens/s  fits"
    return [head] + [
        f"  {one.course.method:<6}  {'是 yes' if one.course.checkpointing else '否 no':<12}  "
        f"{_gib(one.total_bytes):>8}  {_gib(one.margin_bytes):>6}  {one.step_s:>6.2f}  "
        f"{one.samples_s:>9.2f}  {one.tokens_s:>8,.0f}  {'是 yes' if one.fits else '否 no'}"
        for one in plans
    ]


def _gib(size: int) -> str:
    return f"{size / GIBIBYTE:.1f}"


def _weights(count: int) -> str:
    return f"{count / 1e9:.2f} B" if count >= 10**8 else f"{count / 1e6:.2f} M"
