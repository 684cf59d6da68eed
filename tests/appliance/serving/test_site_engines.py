"""The engines of a site: declared on the command line, kept as files, chosen by the maker."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.__main__ import main
from appliance.cluster.errors import RaySilent
from appliance.serving.engine_maker import EngineMaker
from appliance.serving.site_engines import SiteEngines
from models.capacity import Wish
from models.engines.engine import Address, EngineSpec, Placement
from models.engines.errors import DeclarationRefused, EngineUndeclared
from models.engines.process import ProcessKeeper
from models.engines.vllm import Vllm, VllmOptions
from models.hardware.detect import detect_hardware
from models.planning.reservations import Reservations
from models.registry.shelf import ShelvedModel
from tests.appliance.serving.test_engine_maker import REFERENCE

FORM = 'name="mine"\nmodels=["wardbox-reference"]\nabilities=["chat"]\nslots=3\ncontext=777\n'
ELSEWHERE = FORM + 'address="unix:/run/mine.sock"\n'


@pytest.fixture
def site(tmp_path):
    return SiteEngines(tmp_path / "state" / "engines.d")


@pytest.fixture
def declared(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(ELSEWHERE)
    return path


def test_nothing_is_there_at_first(site):
    assert site.declared() == ()
    assert dict(site.environments()) == {}
    with pytest.raises(EngineUndeclared):
        site.forget("mine")


def test_a_declaration_is_kept_replaced_and_forgotten(site, declared):
    site.declare(declared)
    assert [one.slots for one in site.declared()] == [3]
    declared.write_text(ELSEWHERE.replace("slots=3", "slots=4"))
    site.declare(declared)
    assert [one.slots for one in site.declared()] == [4]
    kept = site.directory / "mine.engine"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert site.directory.stat().st_mode & 0o777 == 0o700
    site.forget("mine")
    assert not kept.exists()
    for name in ("../x", "mine"):
        with pytest.raises(EngineUndeclared):
            site.forget(name)


def test_two_engines_cannot_serve_one_model(site, declared):
    site.declare(declared)
    declared.write_text(ELSEWHERE.replace('"mine"', '"other"', 1))
    with pytest.raises(DeclarationRefused, match="mine"):
        site.declare(declared)
    assert [one.name for one in site.declared()] == ["mine"]


def test_environments_are_links_that_lead_somewhere(site, tmp_path):
    (tmp_path / "env/bin").mkdir(parents=True)
    (tmp_path / "env/bin/python").touch()
    site.directory.mkdir(parents=True)
    (site.directory / "vllm-cpu").symlink_to(tmp_path / "env")
    (site.directory / "vllm").symlink_to(tmp_path / "gone")
    assert list(site.environments()) == ["vllm-cpu"]


def test_the_maker_takes_a_declared_engine_with_its_own_secret_and_address(
    site, declared, tmp_path
):
    key = tmp_path / "key"
    key.write_text("their-own-key\n")
    key.chmod(0o600)
    declared.write_text(f'{ELSEWHERE}secret_file="{key}"\n')
    site.declare(declared)
    maker = EngineMaker(
        *((), tmp_path / "run", detect_hardware(), Wish(), None, ProcessKeeper()), site=site
    )
    card = SimpleNamespace(id="wardbox-reference")
    shelved = ShelvedModel(card, None, REFERENCE / "wardbox-reference.gguf")
    made = maker.make(shelved)
    assert made.secret == "their-own-key"
    assert str(made.address.uds) == "/run/mine.sock"
    assert (made.spec.placement.slots, made.spec.placement.context) == (3, 777)
    assert maker.engine(shelved) == "mine"
    # What somebody else runs takes nothing of the memory that this box lends.
    assert maker.claim(shelved, Reservations.of(maker.hardware)) == {}


def test_a_secret_may_stand_in_the_boxs_environment(site, declared, tmp_path):
    declared.write_text(f'{ELSEWHERE}secret_env="THEIR_KEY"\nupstream_model="Their/Model"\n')
    site.declare(declared)
    maker = EngineMaker(
        *((), tmp_path / "run", detect_hardware(), Wish(), None, ProcessKeeper()),
        site=site,
        environ={"THEIR_KEY": "from-outside"},
    )
    card = SimpleNamespace(id="wardbox-reference")
    made = maker.make(ShelvedModel(card, None, REFERENCE / "wardbox-reference.gguf"))
    assert made.secret == "from-outside"
    assert "from-outside" not in repr(maker)
    assert (made.spec.model_id, made.spec.called) == ("wardbox-reference", "Their/Model")


def test_an_engine_on_the_cluster_is_told_of_the_boxs_node(site, declared, tmp_path):
    node = {
        "RAY_ADDRESS": "10.0.0.1:6400",
        "RAY_AUTH_TOKEN_PATH": "/t",
        "PATH": "/ray",
        "HOME": "/r",
    }
    words = f'argv=["{__file__}", "{{uds}}", "--distributed-executor-backend", "ray"]\n'
    card = SimpleNamespace(id="wardbox-reference")
    shelved = ShelvedModel(card, None, REFERENCE / "wardbox-reference.gguf")

    def made(argv, cluster):
        declared.write_text(FORM + argv)
        site.declare(declared)
        places = ((), tmp_path / "run", detect_hardware(), Wish(), None, ProcessKeeper())
        maker = EngineMaker(*places, site=site, cluster=cluster)
        supervisor = maker.make(shelved)
        return supervisor._engine.env(supervisor.spec)

    env = made(words, lambda: node)
    assert env["RAY_ADDRESS"] == node["RAY_ADDRESS"]
    assert (env["PATH"], env["HOME"]) != ("/ray", "/r")
    assert "RAY_ADDRESS" not in made(words.replace("ray", "mp"), lambda: node)

    def silent():
        raise RaySilent

    with pytest.raises(RaySilent):
        made(words, silent)
    # vLLM of the box itself: its processes are reached on the interconnect, not on loopback.
    vllm = Vllm(Path("/v/bin/python"), VllmOptions(executor="ray"))
    spec = EngineSpec("m", Path("/m"), Address(), "k", tmp_path, Placement(1, 1, 9), cluster=node)
    assert vllm.clustered
    assert {"RAY_ADDRESS", "PATH"} <= set(vllm.env(spec))
    assert "VLLM_HOST_IP" not in vllm.env(spec)
    assert vllm.env(spec)["PATH"].startswith("/v/bin")
    assert "10.0.0.1" not in repr(spec)


def test_the_command_line_declares_lists_and_forgets(declared, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WARDBOX_STATE", str(tmp_path / "state"))
    assert main(["engine", "declare", str(declared)]) == 0
    assert main(["engine", "list"]) == 0
    said = capsys.readouterr().out
    assert "llama.cpp" in said
    assert "mine  wardbox-reference  chat  /run/mine.sock" in said
    assert main(["engine", "forget", "mine"]) == 0
    assert main(["engine", "forget", "mine"]) == 1
    assert "[engine.undeclared]" in capsys.readouterr().err
    declared.write_text("name = ")
    assert main(["engine", "declare", str(declared)]) == 1
    assert "[engine.declaration-refused]" in capsys.readouterr().err
    assert main(["engine", "declare", str(tmp_path / "none.toml")]) == 1
    assert "[command.file-unreadable]" in capsys.readouterr().err
    assert main(["engine", "install", "vllm-cpu"]) == 1
