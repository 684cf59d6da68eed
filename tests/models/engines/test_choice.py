"""The choice of an engine: by declaration, format and cards; a refusal where there is none."""

import json
from pathlib import Path

import pytest

from models.engines.choice import Offers, choose
from models.engines.declaration import read_declaration
from models.engines.engine import Address, EngineSpec, Placement
from models.engines.errors import EngineNotInstalled
from models.engines.model_facts import read_model_facts
from models.engines.vllm import Vllm, VllmOptions
from models.engines.vllm_families import FAMILIES
from models.errors import EngineMissing, EngineUnable, NoAccelerator
from models.formats.summary import ModelSummary
from models.hardware.facts import Accelerator, CpuFacts, Hardware, HostMemory, Unreadable

REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model/wardbox-reference.gguf"
GGUF, FOLDER, BARE = (ModelSummary(kind, "qwen3") for kind in ("gguf", "folder", "safetensors"))
MINE = read_declaration(
    b'name="mine"\nmodels=["m"]\nabilities=["chat"]\naddress="unix:/run/mine.sock"\n'
)


def machine(*vendors: str, broken: tuple[Unreadable, ...] = ()) -> Hardware:
    cpu = CpuFacts("cpu", 4, 4, frozenset(), 1, 0.0)
    cards = (Accelerator(vendor, n, vendor, 80 << 30, 80 << 30) for n, vendor in enumerate(vendors))
    return Hardware(cpu, HostMemory(8 << 30, 8 << 30), tuple(cards), broken)


@pytest.fixture
def server(tmp_path: Path) -> Path:
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def offers(server: Path, **environments: Path) -> Offers:
    named = {name.replace("_", "-"): path for name, path in environments.items()}
    return Offers((server,), named)


def test_formats_have_their_engines(server: Path) -> None:
    there = offers(server, vllm_cpu=Path("/v/bin/python"))
    made = choose("m", GGUF, machine(), "auto", there)
    assert (made.engine.name, made.device) == ("llama.cpp", "cpu")
    made = choose("m", FOLDER, machine(), "auto", there)
    assert (made.engine.name, made.device) == ("vllm", "cpu")
    with pytest.raises(EngineUnable, match="config"):
        choose("m", BARE, machine(), "auto", there)
    with pytest.raises(EngineMissing):
        choose("m", GGUF, machine(), "auto", Offers((server.parent / "none",)))


def test_a_declaration_comes_first(server: Path) -> None:
    there = Offers((server,), {}, (MINE,))
    assert choose("m", GGUF, machine(), "auto", there).engine.name == "mine"
    assert choose("other", GGUF, machine(), "auto", there).engine.name == "llama.cpp"


def test_a_card_that_is_insisted_on_is_never_replaced(server: Path) -> None:
    there = offers(server, vllm_cpu=Path("/v/bin/python"))
    broken = (Unreadable("nvidia", "driver not loaded"),)
    for model in (GGUF, FOLDER):
        with pytest.raises(NoAccelerator, match="driver not loaded"):
            choose("m", model, machine(broken=broken), "gpu", there)
    with pytest.raises(EngineUnable, match="nvidia"):
        choose("m", GGUF, machine("nvidia"), "gpu", there)
    # With cards at hand the processor's build of vLLM is not taken instead.
    for wanted in ("auto", "gpu"):
        with pytest.raises(EngineNotInstalled) as caught:
            choose("m", FOLDER, machine("nvidia"), wanted, there)
        assert "wardbox engine install vllm," in caught.value.way_out.replace("或", ",")
    assert choose("m", FOLDER, machine("nvidia"), "cpu", there).device == "cpu"
    with pytest.raises(EngineNotInstalled):
        choose("m", FOLDER, machine(), "auto", offers(server))


def test_a_build_without_a_back_end_says_so(server: Path) -> None:
    made = choose("m", GGUF, machine("nvidia"), "auto", offers(server))
    assert made.device == "cpu"
    assert "nvidia" in made.why.zh
    assert "nvidia" in made.why.en
    (server.parent / "libggml-cuda.so").write_bytes(b"")
    assert choose("m", GGUF, machine("nvidia"), "gpu", offers(server)).device == "gpu"
    assert choose("m", GGUF, machine("nvidia"), "cpu", offers(server)).device == "cpu"
    with pytest.raises(EngineUnable, match="cambricon"):
        choose("m", GGUF, machine("cambricon"), "gpu", offers(server))


def test_each_vendor_has_its_own_environment(server: Path) -> None:
    there = offers(server, vllm_ascend=Path("/a/bin/python"), vllm=Path("/n/bin/python"))
    made = choose("m", FOLDER, machine("ascend"), "auto", there)
    assert made.device == "gpu"
    assert "vllm-ascend" in made.why.en


def spec(**changes: object) -> EngineSpec:
    place = Placement(2, 8, 4096)
    fields = {"runtime_dir": Path("/run/x"), "placement": place, **changes}
    return EngineSpec("m", Path("/w"), Address(uds=Path("/run/x/e.sock")), "sekret", **fields)


def test_parsers_follow_the_family_and_the_template() -> None:
    engine = Vllm(Path("/v/bin/python"))
    plain = " ".join(engine.argv(spec(architecture="qwen3")))
    assert "--tool-call-parser" not in plain
    assert "--reasoning-parser" not in plain
    able = spec(architecture="qwen3", tools=True, thinks=True)
    text = " ".join(engine.argv(able))
    assert "--enable-auto-tool-choice --tool-call-parser hermes" in text
    assert "--reasoning-parser qwen3" in text
    assert "tools" in engine.capabilities(able)
    unknown = spec(architecture="nobody", tools=True, thinks=True)
    assert "parser" not in " ".join(engine.argv(unknown))
    assert "tools" not in engine.capabilities(unknown)
    assert all(parsers.tools for parsers in FAMILIES.values())


def test_vllm_is_closed_and_quiet() -> None:
    engine = Vllm(Path("/v/bin/python"), VllmOptions(adapters=4, adapter_rank=32))
    text = " ".join(engine.argv(spec()))
    for part in (
        "--no-enable-log-requests --no-enable-log-outputs --max-log-len 0",
        "--disable-uvicorn-access-log --disable-fastapi-docs",
        "--no-trust-remote-code --no-trust-request-chat-template",
        "--enable-prefix-caching",
        "--enable-lora --max-loras 4 --max-lora-rank 32",
        "--dtype float32 --load-format safetensors",
        "--enforce-eager",
    ):
        assert part in text
    assert "lora" in engine.capabilities(spec())
    env = engine.env(spec())
    assert env["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert env["VLLM_HOST_IP"] == "127.0.0.1"
    assert env["TMPDIR"] == env["VLLM_CACHE_ROOT"] == "/run/x"
    assert engine.env(spec(runtime_dir=Path("/x" * 60)))["VLLM_RPC_BASE_PATH"] == "."
    cards = Placement(2, 8, 4096, 999, (0, 1), 2, "nvidia", 0.71)
    on_cards = " ".join(engine.argv(spec(placement=cards)))
    assert "--gpu-memory-utilization 0.71" in on_cards
    assert "--dtype auto" in on_cards
    assert "--enforce-eager" not in on_cards
    assert engine.env(spec(placement=cards))["CUDA_VISIBLE_DEVICES"] == "0,1"
    ranking = " ".join(engine.argv(spec(mode="rerank")))
    assert "--runner pooling --convert classify" in ranking
    assert engine.capabilities(spec(mode="embed")) >= {"embeddings"}


def test_facts_come_from_the_models_own_files(tmp_path: Path) -> None:
    assert read_model_facts(REFERENCE).tools is False
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": [{"name": "x", "template": "{% if tools %}<think>"}]})
    )
    facts = read_model_facts(tmp_path)
    assert (facts.tools, facts.thinks) == (True, True)
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert read_model_facts(tmp_path).thinks is False
    assert read_model_facts(tmp_path / "x.safetensors").pooling == ""
