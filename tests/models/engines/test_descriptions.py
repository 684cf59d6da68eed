"""Engines as pure descriptions: no secret in argv, no network, no silent fallback."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

from models.capacity import Wish, kv_bytes_per_token, plan
from models.engines.binding import load_binding
from models.engines.declaration import read_declaration
from models.engines.declared import Declared
from models.engines.engine import Address, EngineSpec, Placement
from models.engines.explain import explain_exit
from models.engines.lifecycle_table import MOVES, Event, Limits, State, backoff, move, steady
from models.engines.llama_cpp import LlamaCpp, find_llama_server
from models.engines.placement import place
from models.engines.vllm import Vllm, VllmOptions
from models.errors import ContextTooLong, DoesNotFit, EngineMissing, EngineUnable, NoAccelerator
from models.formats.summary import ModelSummary
from models.hardware.facts import Accelerator, CpuFacts, Hardware, HostMemory, Unreadable

SECRET = "s3cret-bearer"
GIB = 1 << 30


def spec(**changes: object) -> EngineSpec:
    fields = {
        "model_id": "demo",
        "model_path": Path("/shelf/demo.gguf"),
        "address": Address(uds=Path("/run/box/e.sock")),
        "secret": SECRET,
        "runtime_dir": Path("/run/box"),
        "placement": Placement(threads=2, slots=4, context=2048),
    }
    return EngineSpec(**{**fields, **changes})


DECLARED = Declared(
    read_declaration(
        b'name="own"\nmodels=["demo"]\nabilities=["chat"]\naddress="http://127.0.0.1:9"\n'
    )
)


def machine(*cards: Accelerator, memory: int = 24 * GIB, load: float = 0.0) -> Hardware:
    cpu = CpuFacts("cpu", 4, 4, frozenset({"aes"}), 1, load)
    return Hardware(cpu, HostMemory(memory, memory), cards)


def card(index: int, free: int = 80 * GIB, vendor: str = "nvidia") -> Accelerator:
    return Accelerator(vendor, index, "H100", 80 * GIB, free, 3_000_000_000_000)


# 32.8 G parameters in bf16, 64 layers, 8 key-value heads of 128.
QWEN3_32B = ModelSummary(
    "folder", "qwen3", parameters=32_800_000_000, weight_bytes=65_600_000_000, context=40_960,
    layers=64, kv_heads=8, head_dim=128, tensors=707,
)  # fmt: skip
SMALL = ModelSummary(
    "gguf", "qwen3", parameters=4_400_000, weight_bytes=4_700_000, context=1024, layers=4,
    kv_heads=2, head_dim=64, tensors=40,
)  # fmt: skip


@pytest.mark.parametrize(
    "engine", [LlamaCpp(Path("/e/llama-server")), Vllm(Path("/v/bin/python")), DECLARED]
)
@pytest.mark.parametrize("mode", ["generate", "embed"])
def test_no_secret_in_argv_or_repr(engine, mode) -> None:
    described = spec(mode=mode)
    assert SECRET not in " ".join(engine.argv(described))
    assert SECRET not in repr(described)
    assert not {"http_proxy", "https_proxy"} & {key.lower() for key in engine.env(described)}
    assert engine.probe(described).path.startswith("/v1/")


def test_llama_server_is_closed_and_narrow() -> None:
    argv = LlamaCpp(Path("/e/llama-server")).argv(spec())
    text = " ".join(argv)
    assert "--host /run/box/e.sock" in text
    assert "--ctx-size 8192 --parallel 4" in text
    assert "--threads 2 " in text
    for switch in ("--no-webui", "--no-slots", "--offline", "--device none"):
        assert switch in text
    for open_door in ("--props", "--tools", "--slot-save-path", "--media-path", "--log-prompts"):
        assert open_door not in text
    files = LlamaCpp(Path("/e")).files(spec())
    assert list(files.values()) == [SECRET + "\n"]


def test_llama_server_knows_every_argument(llama_server: Path) -> None:
    known = subprocess.run([llama_server, "--help"], capture_output=True, text=True, check=True)
    gpu = Placement(1, 1, 512, gpu_layers=9, devices=(0,), vendor="nvidia")
    for described in (
        spec(),
        spec(mode="embed", pooling="mean"),
        spec(mode="rerank"),
        spec(placement=gpu, address=Address(port=1)),
    ):
        for argument in LlamaCpp(llama_server).argv(described):
            if argument.startswith("--"):
                assert re.search(rf"(?<![\w-]){argument}(?![\w-])", known.stdout), argument


def test_gpu_layers_name_their_cards() -> None:
    gpu = Placement(1, 1, 512, gpu_layers=9, devices=(2, 3), vendor="nvidia")
    engine = LlamaCpp(Path("/e/llama-server"))
    assert "--device CUDA0,CUDA1" in " ".join(engine.argv(spec(placement=gpu)))
    assert engine.env(spec(placement=gpu))["CUDA_VISIBLE_DEVICES"] == "2,3"
    with pytest.raises(EngineUnable):
        engine.argv(spec(placement=Placement(1, 1, 512, gpu_layers=9, vendor="cambricon")))


@pytest.mark.parametrize("engine", [LlamaCpp(Path("/e/llama-server")), Vllm(Path("/v/bin/python"))])
def test_threads_that_wait_leave_their_core_to_others(engine) -> None:
    assert engine.env(spec())["GOMP_SPINCOUNT"] == "1000"


def test_weights_on_the_processor_are_read_into_large_pages_of_their_own() -> None:
    engine = LlamaCpp(Path("/e/llama-server"))
    gpu = spec(placement=Placement(1, 1, 512, gpu_layers=9, devices=(0,), vendor="nvidia"))
    assert "--load-mode none" in " ".join(engine.argv(spec()))
    assert engine.env(spec())["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    assert "--load-mode" not in engine.argv(gpu)
    assert "GLIBC_TUNABLES" not in engine.env(gpu)


def test_vllm_is_described_for_one_and_many_nodes() -> None:
    gpu = Placement(2, 64, 8192, 999, (0, 1), 2, "nvidia", 0.85)
    options = VllmOptions(
        load_format="dummy", executor="mp", nodes=2, node_rank=1, master="10.0.0.1"
    )
    engine = Vllm(Path("/opt/vllm/bin/python"), options)
    text = " ".join(engine.argv(spec(placement=gpu)))
    for part in (
        "-m vllm.entrypoints.openai.api_server",
        "--uds /run/box/e.sock",
        "--tensor-parallel-size 2",
        "--gpu-memory-utilization 0.85",
        "--load-format dummy",
        "--distributed-executor-backend mp --nnodes 2 --node-rank 1 --master-addr 10.0.0.1",
        "--max-num-seqs 64",
    ):
        assert part in text
    env = engine.env(spec(placement=gpu))
    assert env["VLLM_API_KEY"] == SECRET
    assert env["VLLM_NO_USAGE_STATS"] == env["DO_NOT_TRACK"] == env["HF_HUB_OFFLINE"] == "1"
    assert env["CUDA_VISIBLE_DEVICES"] == "0,1"
    with pytest.raises(EngineUnable):
        Vllm(Path("/p"), VllmOptions(nodes=2)).argv(spec())
    ray = Vllm(Path("/p"), VllmOptions(executor="ray", pipeline_parallel=2)).argv(spec())
    assert "ray" in ray
    assert "--pipeline-parallel-size" in ray


def test_a_missing_server_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "llama-server").write_text("not executable")
    with pytest.raises(EngineMissing) as caught:
        find_llama_server([tmp_path, tmp_path / "none"])
    assert "install.sh" in caught.value.way_out


def test_kv_formula() -> None:
    assert kv_bytes_per_token(QWEN3_32B) == 2 * 64 * 8 * 128 * 2 == 262_144


def test_a_big_model_takes_as_many_cards_as_it_needs() -> None:
    one = plan(QWEN3_32B, machine(card(0)), Wish(context=4096, slots=2))
    assert one.fits
    assert one.cards == (0,)
    assert 20 < one.decode_tokens_s < 40
    wide = plan(QWEN3_32B, machine(*(card(n) for n in range(4))), Wish(context=8192, slots=32))
    assert wide.cards == (0, 1)
    assert wide.vendor == "nvidia"
    assert not plan(QWEN3_32B, machine(card(0, 20 * GIB)), Wish(device="gpu")).fits
    assert "放不下" in plan(QWEN3_32B, machine(), Wish()).sentence.zh


def test_no_accelerator_is_a_refusal_and_never_the_cpu() -> None:
    broken = Hardware(
        machine().cpu, machine().memory, (), (Unreadable("nvidia", "Driver Not Loaded"),)
    )
    with pytest.raises(NoAccelerator) as caught:
        place(SMALL, broken, Wish(device="gpu"))
    assert "Driver Not Loaded" in str(caught.value)
    assert not plan(SMALL, machine(), Wish(device="gpu")).fits
    assert place(SMALL, machine(), Wish()).gpu_layers == 0
    on_card = place(SMALL, machine(card(3)), Wish(device="gpu"))
    assert (on_card.devices, on_card.vendor) == ((3,), "nvidia")
    with pytest.raises(DoesNotFit):
        place(QWEN3_32B, machine(), Wish())
    with pytest.raises(ContextTooLong):
        place(SMALL, machine(), Wish(context=1_000_000))


def test_never_more_threads_than_free_cores() -> None:
    assert place(SMALL, machine(load=0.0), Wish()).threads == 4
    assert place(SMALL, machine(load=3.2), Wish()).threads == 1
    assert place(SMALL, machine(load=50.0), Wish()).threads == 1


def test_the_table_is_closed() -> None:
    assert set(MOVES) == set(State)
    for state in State:
        for event in Event:
            if event not in MOVES[state]:
                with pytest.raises(ValueError, match="knows no"):
                    move(state, event)
    reached = {after for moves in MOVES.values() for after in moves.values()}
    assert reached == set(State) - {State.ABSENT}


def test_backoff_doubles_to_a_limit() -> None:
    limits = Limits(backoff_s=0.5, backoff_most_s=8)
    assert [backoff(n, limits) for n in range(7)] == [0, 0.5, 1, 2, 4, 8, 8]
    assert backoff(10_000, limits) == 8


def test_failures_are_forgotten_sooner_by_an_engine_that_serves_between() -> None:
    limits = Limits(backoff_s=0.5, backoff_most_s=60, steady_s=120)
    assert [steady(n, limits) for n in (0, 1, 2, 3, 6)] == [0, 5, 10, 20, 120]

    def pauses(lives: list[float]) -> list[float]:
        failures, told = 0, []
        for life in lives:
            failures = 1 if life > steady(failures, limits) else failures + 1
            told.append(backoff(failures, limits))
        return told

    assert max(pauses([30.0] * 120)) <= 2, "killed every 30 s it is never away for long"
    assert max(pauses([15.0] * 120)) <= 1
    assert pauses([0.0] * 9)[-1] == 60, "one that dies at once is not hammered"


@pytest.mark.parametrize(
    ("code", "tail", "words"),
    [
        (-9, [], "SIGKILL"),
        (-11, [], "segmentation"),
        (-4, [], "processor"),
        (-250, [], "signal 250"),
        (1, ["error loading model: unknown model architecture: 'x'"], "architecture"),
        (1, ["ggml_cuda: cudaMalloc failed: out of memory"], "memory"),
        (1, ["couldn't bind HTTP server socket"], "address"),
        (127, ["error while loading shared libraries: libllama.so"], "library"),
        (3, ["bye"], "status 3"),
    ],
)
def test_ends_are_explained(code: int, tail: list[str], words: str) -> None:
    assert words in explain_exit(code, tail).en
    assert explain_exit(-9, tail, oom_killed=True).zh.startswith("系统内存不足")


def test_the_binding_needs_the_engines_libraries(tmp_path: Path, llama_server: Path) -> None:
    with pytest.raises(EngineMissing):
        load_binding(tmp_path)
    if importlib.util.find_spec("llama_cpp") is None:
        with pytest.raises(EngineMissing):
            load_binding(llama_server.parent)
    else:
        assert load_binding(llama_server.parent).__name__ == "llama_cpp"
