"""The commands of serving against a box over real HTTP: they say what was done."""

import argparse

import pytest

from appliance.commands import adapter, deployment, lease, model
from appliance.commands.model_serving import act


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
