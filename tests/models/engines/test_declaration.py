"""Declared engines: a strict form, only this machine, secrets from where they belong."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines.declaration import MAX_BYTES, Declaration, read_declaration
from models.engines.declared import Declared, secret_of
from models.engines.engine import Address, EngineSpec, Placement, Pulse
from models.engines.errors import DeclarationRefused, SecretMissing
from models.engines.routes import isolation_of, routes_of
from models.errors import EngineUnable

EXTERNAL = {
    "name": "mindie",
    "models": ["qwen3-32b"],
    "abilities": ["chat", "tools"],
    "address": "http://127.0.0.1:1025",
}
STARTED = {
    "name": "sglang",
    "models": ["qwen3-32b"],
    "abilities": ["chat", "completions", "embeddings"],
    "argv": ["/opt/sglang/bin/python", "-m", "sglang.launch_server", "--model-path", "{model_path}",
             "--host", "{host}", "--port", "{port}", "--tp", "{tensor_parallel}",
             "--api-key-file", "{secret_file}"],
    "env": {"ASCEND_RT_VISIBLE_DEVICES": "{devices}"},
    "metrics": "/metrics",
    "counters": ["sglang:generation_tokens_total"],
}  # fmt: skip


def read(document: object) -> Declaration:
    return read_declaration(json.dumps(document).encode())


def spec(**changes: object) -> EngineSpec:
    place = Placement(2, 4, 2048, 999, (0, 1), 2, "ascend", 0.8)
    made = EngineSpec("m", Path("/w"), Address(port=7), "sekret", Path("/run/x"), place)
    return replace(made, **changes)


def test_both_forms_are_read_from_toml_and_json() -> None:
    external = read(EXTERNAL)
    assert external.address == Address(port=1025)
    toml = b'name="mindie"\nmodels=["qwen3-32b"]\nabilities=["chat","tools"]\n'
    assert read_declaration(toml + b'address="http://127.0.0.1:1025"\n') == external
    assert Declared(external).external
    assert Declared(external).argv(spec()) == ()
    started = read(STARTED)
    assert started.pulse == Pulse("/metrics", ("sglang:generation_tokens_total",))
    engine = Declared(started)
    assert engine.spawns
    argv = engine.argv(spec())
    assert argv[4:9] == ("/w", "--host", "127.0.0.1", "--port", "7")
    assert "sekret" not in " ".join(argv)
    assert engine.env(spec())["ASCEND_RT_VISIBLE_DEVICES"] == "0,1"
    assert engine.files(spec()) == {Path("/run/x/engine.key"): "sekret\n"}


@pytest.mark.parametrize(
    "address",
    [
        *("http://10.0.0.1:80", "https://127.0.0.1:1", "http://localhost:1", "http://0.0.0.0:1"),
        *("http://[::]:1", "http://127.0.0.1", "http://127.0.0.1:0", "http://127.0.0.1:99999"),
        *("http://127.0.0.1:1/v1", "http://a@127.0.0.1:1", "http://127.0.0.1:1@evil:2", "unix:x"),
        *("http://2130706433:1", "http://127.1:1", "file:///etc/passwd", "", 7, None, ["x"]),
        *("http://127.0.0.1:1?x=1", "http://127.0.0.1:1#x", "http:\\\\127.0.0.1:1"),
    ],
)
def test_an_address_is_on_this_machine_or_refused(address: object) -> None:
    with pytest.raises(DeclarationRefused) as caught:
        read({**EXTERNAL, "address": address})
    assert "address" in str(caught.value)
    assert caught.value.way_out


@pytest.mark.parametrize("address", ["http://127.0.0.2:9", "http://[::1]:9", "unix:/run/e.sock"])
def test_loopback_and_sockets_are_taken(address: str) -> None:
    assert read({**EXTERNAL, "address": address}).address is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "../x"}, "name"),
        ({"name": "大"}, "name"),
        ({"name": None}, "name"),
        ({"models": []}, "models"),
        ({"models": "m"}, "models"),
        ({"models": ["../../etc"]}, "models"),
        ({"abilities": ["shell"]}, "abilities"),
        ({"abilities": ["tools"]}, "abilities"),
        ({"slots": 0}, "slots"),
        ({"slots": True}, "slots"),
        ({"slots": 10**9}, "slots"),
        ({"context": "4096"}, "context"),
        ({"health": "/x y"}, "health"),
        ({"health": "/x\r\nHost: a"}, "health"),
        ({"upstream_model": "a\nb"}, "upstream_model"),
        ({"secret_file": "relative"}, "secret_file"),
        ({"secret_env": "lower"}, "secret_env"),
        ({"secret_env": "A", "secret_file": "/a"}, "secret_env"),
        ({"argv": ["/bin/x", "{port}"]}, "argv"),
        ({"env": {"A": "b"}}, "env"),
        ({"metrics": "/metrics"}, "metrics"),
        ({"secret": "in the file"}, "secret"),
        ({"api_base": "http://evil"}, "api_base"),
    ],
)
def test_every_wrong_field_is_named(change: dict, field: str) -> None:
    document = {key: value for key, value in {**EXTERNAL, **change}.items() if value is not None}
    with pytest.raises(DeclarationRefused) as caught:
        read(document)
    assert field in str(caught.value.facts["field"])


@pytest.mark.parametrize(
    "change",
    [
        {"argv": ["sglang", "{port}"]},
        {"argv": ["/bin/x"]},
        {"argv": ["/bin/x", "{port}", "{secret}"]},
        {"argv": ["/bin/x", "{port}", "{port.__class__}"]},
        {"argv": ["/bin/x", "{port!r}"]},
        {"argv": ["/bin/x", "{port:>99999999}"]},
        {"argv": ["/bin/x", "{port"]},
        {"argv": ["/bin/x", "{port}", 7]},
        {"argv": ["/bin/x", "{port}", "a\0b"]},
        {"argv": ["/bin/x", "{port}"] + ["x"] * 300},
        {"env": {"LD_PRELOAD": "/evil.so"}},
        {"env": {"PYTHONPATH": "/evil"}},
        {"env": {"HTTPS_PROXY": "http://evil"}},
        {"env": {"PATH": "/evil"}},
        {"env": {"A": "{secret}"}},
        {"env": []},
    ],
)
def test_what_would_be_run_is_held_to_known_places(change: dict) -> None:
    with pytest.raises(DeclarationRefused):
        read({**STARTED, **change})


def test_documents_that_are_none() -> None:
    for raw in (
        b"\xff\xfe",
        b"{",
        b"[1]",
        b"{" * 100_000,
        b"a" * (MAX_BYTES + 1),
        b"",
        b'{"a":1,"a":2}',
    ):
        with pytest.raises(DeclarationRefused):
            read_declaration(raw)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    with suppress(DeclarationRefused):
        assert read_declaration(raw).name


def test_a_secret_comes_from_its_file_or_variable(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("s3cret\nsecond line\n")
    path.chmod(0o600)
    with_file = replace(read(EXTERNAL), secret_file=path)
    assert secret_of(with_file, {}) == "s3cret"
    path.chmod(0o644)
    with pytest.raises(SecretMissing):
        secret_of(with_file, {})
    path.chmod(0o600)
    for content in ("", "two words", "钥匙", "\n"):
        path.write_text(content)
        with pytest.raises(SecretMissing):
            secret_of(with_file, {})
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(SecretMissing):
            secret_of(replace(with_file, secret_file=missing), {})
    with_variable = replace(read(EXTERNAL), secret_env="MINDIE_KEY")
    assert secret_of(with_variable, {"MINDIE_KEY": "k"}) == "k"
    with pytest.raises(SecretMissing):
        secret_of(with_variable, {})
    assert secret_of(read(EXTERNAL), {}) == ""


def test_a_probe_asks_for_what_was_declared() -> None:
    def path(*abilities: str) -> str:
        return Declared(read({**EXTERNAL, "abilities": list(abilities)})).probe(spec()).path

    assert path("chat") == "/v1/chat/completions"
    assert path("chat", "completions") == "/v1/completions"
    assert path("embeddings") == "/v1/embeddings"
    assert path("rerank") == "/v1/rerank"
    assert path("moderation") == "/v1/moderations"
    assert path("moderation", "chat") == "/v1/chat/completions"
    renamed = Declared(replace(read(EXTERNAL), upstream_model="Qwen/Qwen3"))
    assert renamed.probe(spec()).body["model"] == "Qwen/Qwen3"


def test_a_socket_that_is_too_long_is_a_sentence() -> None:
    engine = Declared(read({**STARTED, "argv": ["/bin/x", "--uds", "{uds}"]}))
    assert "/s" in engine.argv(spec(address=Address(uds=Path("/s"))))
    with pytest.raises(EngineUnable):
        engine.argv(spec())


def test_routes_and_isolation_by_engine() -> None:
    assert routes_of("llama.cpp")["tokenize"] == "/tokenize"
    assert "score" not in routes_of("llama.cpp")
    assert routes_of("vllm")["score"] == "/v1/score"
    plain = {"chat", "completions", "embeddings", "rerank"}
    assert set(routes_of("mindie")) == plain | {"moderation", "tokenize", "detokenize"}
    assert "moderation" not in {*routes_of("llama.cpp"), *routes_of("vllm")}
    assert isolation_of("vllm", "tenant") == {"cache_salt": "tenant"}
    assert isolation_of("llama.cpp", "tenant") == {"cache_prompt": False}
    assert isolation_of("mindie", "tenant") == {}
