"""What is remembered of an engine's log holds no text of a request, whatever the engine writes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.engine import Address, EngineSpec, Placement, ProbeRequest
from models.engines.explain import explain_exit
from models.engines.last_words import WORDS
from models.engines.lifecycle import EngineSupervisor
from models.engines.lifecycle_table import Limits
from models.engines.llama_cpp import LlamaCpp
from models.engines.log_filter import LogFilter
from models.engines.probe import ask

MARK = "MARKER张三丰 110101199001011237"


def sealed() -> LogFilter:
    words = LogFilter()
    words.seal()
    return words


class Verbose(LlamaCpp):
    """llama-server at its most talkative: it writes prompts, tokens and answers."""

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        return (*super().argv(spec), "--verbose")


async def test_the_most_talkative_real_engine_leaves_no_word_of_a_prompt(
    llama_server: Path, tiny_model: Path, tmp_path: Path
) -> None:
    place = Placement(threads=1, slots=2, context=256)
    spec = EngineSpec(
        "tiny", tiny_model, Address(uds=tmp_path / "e.sock"), "k1", tmp_path / "r", place
    )
    seen: list[str] = []
    engine = EngineSupervisor(Verbose(llama_server), spec, limits=Limits(health_s=600))
    address = await engine.ensure_ready(60)
    kept = engine._running._process
    judge = kept._words.clean
    raw: list[str] = []
    kept._words.clean = lambda line: (raw.append(line), seen.append(judge(line)))[1] or seen[-1]
    for path, body in (
        ("/v1/completions", {"prompt": f"{MARK}\nsecond line {MARK}", "max_tokens": 2}),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": MARK}], "max_tokens": 2},
        ),
        ("/v1/responses", {"input": MARK, "max_output_tokens": 2}),
        ("/v1/messages", {"messages": [{"role": "user", "content": MARK}], "max_tokens": 2}),
        ("/v1/chat/completions", {"messages": MARK}),
    ):
        request = ProbeRequest("POST", path, {"model": "tiny", **body}, "")
        assert (await ask(address, "k1", request, timeout_s=30)).status in {200, 400, 500}
    await engine.stop()
    said, remembered = "\n".join(raw), "\n".join(seen)
    assert "MARKER" in said, "the engine did not say what this test is about"
    for secret in ("MARKER", "张", "1101011990", "second line"):
        assert secret not in remembered
    assert "print_timing" in remembered
    assert "tokens per second" in remembered


HARMLESS = (
    (
        "0.03.209.327 I slot print_timing: id  1 | task 1 | prompt eval time =       3.86 ms /    12 "
        "tokens (    0.32 ms per token,  3106.39 tokens per second)"
    ),
    "0.03.209.401 I slot print_timing: id  1 | task 1 |    graphs reused =          2",
    "0.03.209.455 I slot      release: id  1 | task 1 | stop processing: n_tokens = 14, truncated = 0",
    (
        "(APIServer pid=31617) INFO 11-22 00:43:19 [loggers.py:335] Engine 000: Avg prompt throughput: "
        "8.3 tokens/s, Avg generation throughput: 52.3 tokens/s, Running: 0 reqs, Waiting: 0 reqs, "
        "CPU KV cache usage: 0.0%, Prefix cache hit rate: 0.0%"
    ),
    "INFO:     Application startup complete.",
)
TELLING = (
    f"(APIServer pid=1) INFO 11-22 00:43:19 [logger.py:39] Received request: prompt: '{MARK}'",
    f"ERROR 11-22 00:43:19 [serving.py:1] error in {{'input': '{MARK}'}}",
    f'0.03.701.446 D Parsed message: {{"role":"assistant","content":"{MARK}"}}',
    f"0.03.701.254 D slot process_toke: id  0 | task 6 | next token:  4535 '{MARK}'",
    f'INFO:     127.0.0.1 - "POST /v1/chat?{MARK} HTTP/1.1" 200 OK',
    f"{MARK}",
    f"second line of a prompt {MARK}",
    f"id 1 | task 1 | stop processing: n_tokens = 1, truncated = 0 {MARK}",
)


def test_lines_of_numbers_stay() -> None:
    for line in HARMLESS:
        assert sealed().clean(line) == line


@pytest.mark.parametrize("line", TELLING)
def test_lines_with_text_lose_it(line: str) -> None:
    kept = sealed().clean(line)
    assert "MARKER" not in kept
    assert "张" not in kept
    assert "1990" not in kept
    assert "[… " in kept
    assert LogFilter().clean(line) == line


@given(st.text(alphabet="张李abcXYZ患者 头痛:：{}\"'，。<>", min_size=1, max_size=80))
def test_no_words_of_any_line_pass(text: str) -> None:
    kept = sealed().clean(text)
    assert not set(kept) & set("张李患者头痛")


def test_a_reason_survives_what_is_withheld() -> None:
    line = f"(EngineCore pid=9) ERROR 11-22 00:00:00 [core.py:1] CUDA out of memory. {MARK}"
    kept = sealed().clean(line)
    assert "<device-memory>" in kept
    assert "MARKER" not in kept
    failure = explain_exit(1, [kept])
    assert failure.code == "device-memory"
    assert failure.way_out.zh


def test_every_failure_says_what_to_do() -> None:
    codes = [words.code for words in WORDS]
    assert len(set(codes)) == len(codes)
    for words in WORDS:
        assert all((words.zh, words.en, words.way_out_zh, words.way_out_en))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "device-memory"),
        ("RuntimeError: NPU out of memory. Tried to allocate 98.00 MiB", "device-memory"),
        ("[Error]: EL0004: Failed to allocate memory.", "device-memory"),
        ("ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory", "device-memory"),
        ("ValueError: No available memory for the cache blocks. Try increasing", "cache-too-small"),
        ("ValueError: To serve at least one request with the model's max seq len (40960)", "cache-too-small"),
        (("ValueError: Free memory on device cuda:0 (3/79 GiB) on startup is less than desired GPU "
         "memory utilization (0.9, 71 GiB)."), "card-occupied"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", "host-memory"),
        ("HCCL error in: /build/ProcessGroupHCCL.cpp, EI0006", "collective"),
        ("RuntimeError: NCCL error in: ncclSystemError", "collective"),
        ("RuntimeError: No CUDA GPUs are available", "no-accelerator"),
        ("api_server.py: error: unrecognized arguments: --nope", "argument"),
        ("ModuleNotFoundError: No module named 'vllm'", "package"),
        ("OSError: [Errno 28] No space left on device", "disk-full"),
        ("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", "worker-died"),
    ],
)  # fmt: skip
def test_last_words_have_codes(line: str, code: str) -> None:
    assert explain_exit(1, ["something before", line, "something after"]).code == code


def test_a_killed_worker_is_a_lack_of_memory_when_the_kernel_says_so() -> None:
    dead = ["EngineDeadError: EngineCore encountered an issue."]
    assert explain_exit(1, dead).code == "worker-died"
    assert explain_exit(1, dead, oom_killed=True).code == "host-memory"
    assert explain_exit(137, [], oom_killed=True).code == "host-memory"
    assert explain_exit(0, [], oom_killed=True).code == "ended"
