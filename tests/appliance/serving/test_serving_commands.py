"""The commands of serving against a box over real HTTP: they say what was done."""

import argparse
from dataclasses import replace

import pytest

from appliance.client.session import Session
from appliance.commands import adapter, deployment, lease, model
from appliance.commands.model_serving import act
from tests.appliance.api.box import live_box
from tests.appliance.serving.folder_catalogue import Catalogue
from tests.fakes.stub_engine import serve as serve_stub


@pytest.fixture
async def box(rooms, tmp_path):
    """A live box that serves from doubles' engines; the engine that answers is the stub."""
    folder = tmp_path / "live"
    folder.mkdir()
    servers, _ = await serve_stub(port=None, uds=rooms.folder / "e", tokens=5)
    async with live_box(folder) as live:
        front = live.front
        front.services = replace(
            front.services, serving=rooms.serving, catalogue=Catalogue(rooms.shelf)
        )
        yield live
    for server in servers:
        server.close()


@pytest.fixture
async def session(box):
    async with Session.local(box.socket) as made:
        yield made


def parsed(module, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_parser(parser.add_subparsers())
    return parser.parse_args([module.__name__.rpartition(".")[2], *words])


@pytest.mark.slow
async def test_commands_say_what_was_done(rooms, session, capsys):
    for words in (("load", "a"), ("pin", "a", "--idle-unload-s", "9"), ("status",), ("unpin", "a")):
        assert await act(session, parsed(model, *words)) == 0
    assert await act(session, parsed(model, "unload", "a")) == 0
    assert (
        await deployment._apply(session, parsed(deployment, "apply", "notes", "a=90", "b=10")) == 0
    )
    assert await deployment._list(session, parsed(deployment, "list")) == 0
    assert await deployment._step(session, parsed(deployment, "drain", "notes")) == 0
    assert await deployment._withdraw(session, parsed(deployment, "withdraw", "notes")) == 0
    assert await lease._window(session, parsed(lease, "window", "train", "22:00-06:00")) == 0
    assert await lease._list(session, parsed(lease, "list", "--past", "3")) == 0
    assert await adapter._list(session, parsed(adapter, "list")) == 0
    out = capsys.readouterr().out
    for words in (
        "* a  ready",
        "notes  #1  a=90 b=10",
        "drained",
        "train: 22:00-06:00",
        "free",
        "serve     a  host",
    ):
        assert words in out


def test_a_target_is_read_as_it_is_written():
    assert deployment._target("m+eye=10") == {"model": "m", "adapter": "eye", "weight": 10}
    assert deployment._target("m") == {"model": "m", "adapter": None, "weight": 100}
    assert deployment._target("m=²") == {"model": "m", "adapter": None, "weight": "²"}
