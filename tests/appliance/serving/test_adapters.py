"""Adapters: judged, approved, loaded beside the base, promoted, taken back; wrong ones refused."""

import asyncio
from pathlib import Path

import gguf
import msgspec
import numpy as np
import pytest

from appliance.serving.adapter_file import read_adapter
from appliance.serving.errors import AdapterRefused, AdapterUnknown, DeploymentRefused
from appliance.serving.store import Target
from appliance.serving.tails import LLAMA, VLLM, salt_of, tail_of
from models.errors import ModelsError
from models.planning.reservations import HOST, Reservations
from tests.appliance.serving.fakes import until
from tests.models.engines.tiny_model import FEED, LAYERS, WIDTH, write_tiny_model

WHO, BOSS = "user:it", "user:head"
MATRICES = {"attn_q": (WIDTH, WIDTH), "ffn_gate": (WIDTH, FEED), "ffn_down": (FEED, WIDTH)}


def write_adapter(
    path: Path, *, rank: int = 4, arch: str = "llama", kind: str = "adapter", layers: int = LAYERS,
    width: int = WIDTH, lonely: bool = False, scale: float = 4.0,
) -> Path:  # fmt: skip
    """Write a LoRA for the tiny model, in the form of llama.cpp's converter."""
    rng = np.random.default_rng(3)
    writer = gguf.GGUFWriter(str(path), arch)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    for layer in range(layers):
        for part, (into, out) in MATRICES.items():
            name = f"blk.{layer}.{part}.weight"
            wide = width if into == WIDTH else into
            first = rng.standard_normal((rank, wide)) * scale
            writer.add_tensor(f"{name}.lora_a", first.astype(np.float32))
            if not lonely:
                second = rng.standard_normal((out, rank)) * scale
                writer.add_tensor(f"{name}.lora_b", second.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def files(rooms, tmp_path):
    """The base of model "a" on the shelf, and an adapter for it."""
    rooms.shelf.folder = tmp_path
    rooms.office.reserved = Reservations({HOST: 1 << 33, "cores": 4})
    write_tiny_model(tmp_path / "a.gguf")
    return write_adapter(tmp_path / "lora.gguf")


def test_a_sound_adapter_is_read(files, tmp_path):
    facts = read_adapter("x", files, tmp_path / "a.gguf")
    assert (facts.architecture, facts.rank, facts.pairs) == ("llama", 4, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"arch": "qwen3"},
        {"kind": "model"},
        {"layers": LAYERS + 1},
        {"width": WIDTH * 2},
        {"lonely": True},
        {"rank": 1025},
        {"layers": 0},
    ],
    ids=str,
)
def test_what_is_no_adapter_of_this_base_is_refused(files, tmp_path, wrong):
    with pytest.raises((AdapterRefused, ModelsError)):
        read_adapter("x", write_adapter(tmp_path / "wrong.gguf", **wrong), tmp_path / "a.gguf")


async def test_the_order_is_register_approve_load_promote_revert_remove(rooms, files):
    serving, adapters = rooms.serving, rooms.serving.adapters
    first = await serving.upstream("a")
    one = await adapters.register("eye", "a", files, WHO)
    assert (one.state, one.base_digest) == ("registered", first.digest)
    for step in (
        adapters.load("eye", WHO, serving.residency),
        adapters.promote("eye", "notes", WHO, serving.deployments),
        adapters.revert("eye", "notes", WHO, serving.deployments),
    ):
        with pytest.raises(AdapterRefused):
            await step
    with pytest.raises(AdapterRefused):
        await serving.deployments.apply("notes", (Target("a", "eye", 100),), WHO)
    assert (await adapters.approve("eye", BOSS)).approved_by == BOSS
    await adapters.load("eye", WHO, serving.residency)
    # The new engine was started beside the old one, which went once the new one was ready.
    assert len(rooms.maker.made) == 2
    assert rooms.loaded() == {"a"}
    base = serving.ready("a")
    assert base.adapter_digest is None
    assert base.tail.endswith(b',"lora":[{"id":0,"scale":0.0}]')
    await adapters.promote("eye", "notes", WHO, serving.deployments)
    tuned = serving.ready("notes")
    assert (tuned.model, tuned.digest, tuned.adapter_digest) == ("a", first.digest, one.digest)
    assert msgspec.json.decode(b"{" + tuned.tail[1:] + b"}") == {
        "cache_prompt": False,
        "lora": [{"id": 0, "scale": 1.0}],
    }
    with pytest.raises(AdapterRefused):
        await adapters.remove("eye", WHO, serving.residency, serving.deployments)
    await adapters.revert("eye", "notes", WHO, serving.deployments)
    assert serving.deployments.all() == ()
    await adapters.remove("eye", WHO, serving.residency, serving.deployments)
    assert serving.ready("a").tail == b',"cache_prompt":false'
    with pytest.raises(AdapterUnknown):
        adapters.get("eye")
    assert [tag.rpartition(":")[2] for tag in rooms.log.tags("model:adapter")] == [
        "register", "approve", "load", "promote", "revert", "remove",
    ]  # fmt: skip


async def test_without_room_beside_the_base_is_drained_first(rooms, files):
    rooms.shelf.sizes["a"] = 60
    await rooms.serving.upstream("a")
    adapters = rooms.serving.adapters
    # Its bytes count as well.
    rooms.office.reserved = Reservations(
        {HOST: 60 + files.stat().st_size}, rooms.office.reserved.granted
    )
    await adapters.register("eye", "a", files, WHO)
    await adapters.approve("eye", BOSS)
    await adapters.load("eye", WHO, rooms.serving.residency)
    assert rooms.held() == 60 + files.stat().st_size
    assert rooms.serving.pictures()[0].adapters == ("eye",)


async def test_an_adapter_whose_engine_does_not_come_up_stays_approved(rooms, files, monkeypatch):
    await rooms.serving.upstream("a")
    adapters = rooms.serving.adapters
    await adapters.register("eye", "a", files, WHO)
    await adapters.approve("eye", BOSS)
    (rooms.folder / "adapters" / "eye" / "adapter.gguf").write_bytes(b"changed")
    with pytest.raises(AdapterRefused):
        await adapters.load("eye", WHO, rooms.serving.residency)
    assert adapters.get("eye").state == "approved"
    assert rooms.serving.ready("a") is not None


async def test_an_adapter_of_an_older_base_is_left_out(rooms, files):
    adapters = rooms.serving.adapters
    await adapters.register("eye", "a", files, WHO)
    await adapters.approve("eye", BOSS)
    await adapters.load("eye", WHO, rooms.serving.residency)
    await rooms.serving.unload("a", WHO)
    rooms.shelf.digests["a"] = "dd" * 32
    await rooms.serving.upstream("a")
    assert rooms.serving.pictures()[0].adapters == ()
    with pytest.raises(AdapterRefused):
        await adapters.load("eye", WHO, rooms.serving.residency)


@pytest.mark.parametrize("name", ["", "Eye", "../eye", "x" * 65, "a b"])
async def test_names_are_plain(rooms, files, name):
    with pytest.raises(AdapterRefused):
        await rooms.serving.adapters.register(name, "a", files, WHO)


async def test_a_second_adapter_of_the_same_name_is_refused(rooms, files):
    await rooms.serving.adapters.register("eye", "a", files, WHO)
    with pytest.raises(AdapterRefused):
        await rooms.serving.adapters.register("eye", "a", files, WHO)
    with pytest.raises(DeploymentRefused):
        await rooms.serving.deployments.apply("a", (Target("a", None, 100),), WHO)


def test_tails_and_salts():
    assert tail_of(VLLM, 2, 1) == b""
    assert tail_of(LLAMA, 0, None) == b',"cache_prompt":false'
    salt = salt_of(VLLM, b"k" * 32)
    assert salt("key:1") == salt("key:1") != salt("key:2")
    assert list(msgspec.json.decode(b"{" + salt("key:1")[1:] + b"}")) == ["cache_salt"]
    assert salt_of(VLLM, b"j" * 32)("key:1") != salt("key:1")
    assert salt_of(LLAMA, b"k" * 32) is None


async def asked(upstream) -> str:
    wish = {
        "model": upstream.model, "prompt": "abcd", "max_tokens": 24, "temperature": 0,
        "ignore_eos": True,
    }  # fmt: skip
    body = msgspec.json.encode(wish)[:-1] + upstream.tail + b"}"
    upstream.enter()
    try:
        exchange = await upstream.pool.ask("/v1/completions", body)
        whole = await exchange.whole()
        assert exchange.status == 200, whole
        return msgspec.json.decode(whole)["choices"][0]["text"]
    finally:
        upstream.leave()


@pytest.mark.slow
async def test_llama_server_answers_as_base_and_as_adapter_and_is_replaced_live(
    rooms, files, real_maker
):
    """The real engine: one process, two voices, no request lost while engines change."""
    serving, adapters = rooms.serving, rooms.serving.adapters
    serving.residency._maker = serving.residency._room._maker = real_maker
    await serving.residency.ready("a", None)
    plain = await asked(serving.ready("a"))
    await adapters.register("eye", "a", files, WHO)
    await adapters.approve("eye", BOSS)
    answers: list[str] = []
    stop = asyncio.Event()

    async def keep_asking() -> None:
        while not stop.is_set():
            answers.append(await asked(serving.ready("a") or await serving.upstream("a")))

    asking = asyncio.create_task(keep_asking())
    await adapters.load("eye", WHO, serving.residency)
    await adapters.promote("eye", "notes", WHO, serving.deployments)
    await until(lambda: len(answers) > 2)
    stop.set()
    await asking
    assert set(answers) == {plain}
    tuned = await asked(serving.ready("notes"))
    assert tuned != plain
    together = await asyncio.gather(
        *(asked(serving.ready(n)) for n in ("a", "notes", "a", "notes"))
    )
    assert together == [plain, tuned, plain, tuned]
    assert serving.ready("notes").adapter_digest == adapters.get("eye").digest
    assert len(list((real_maker.runtime).iterdir())) == 1  # the old engine's folder is gone
