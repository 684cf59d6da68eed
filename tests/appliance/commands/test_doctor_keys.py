"""The doctor on keys: asked of a running box, told of a locked one, and of none at all."""

import argparse
import asyncio
import json

import pytest

from appliance.commands import doctor
from appliance.commands.keys_health import ask_keys, findings
from appliance.contract.base import Text
from appliance.contract.vault_keys import KeyList, KeyMemory, KeyRow
from tests.appliance.api.box import live_box
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm


def keys(*algorithms, **memory):
    rows = tuple(
        KeyRow(
            use=f"key{number}",
            version=1,
            state="current",
            algorithm=algorithm,
            made=None,
            replaced="root",
            meaning=Text(zh="钥", en="key"),
        )
        for number, algorithm in enumerate(algorithms)
    )
    held = KeyMemory(**{"locked": True, "pages": 1, "dumpable": False, **memory})
    words = Text(zh="国际", en="international")
    return KeyList(
        root="r",
        wraps=1,
        suite="international",
        suite_meaning=words,
        module="OpenSSL",
        memory=held,
        keys=rows,
    )


def told(seen):
    return {(one.subject, one.verdict) for one in findings(seen)}


def test_each_weakness_is_told_with_what_to_do():
    assert told(keys("aes-256-gcm")) == {("suite", "ok"), ("memory", "ok"), ("dumps", "ok")}
    assert ("memory", "warning") in told(keys(locked=False))
    assert ("dumps", "bad") in told(keys(dumpable=True))
    assert ("suite", "warning") in told(keys("aes-256-gcm", "sm4-gcm"))
    weak = [
        one for one in findings(keys("sm4-gcm", locked=False, dumpable=True)) if one.verdict != "ok"
    ]
    assert [
        word in one.en
        for one, word in zip(weak, ("rotate", "LimitMEMLOCK", "supervise"), strict=True)
    ] == [True] * 3


async def test_a_running_box_is_asked_and_a_locked_one_says_so(tmp_path):
    async with live_box(tmp_path) as box:
        vault_for(box.front, PaperTpm())
        layout = argparse.Namespace(socket=box.socket)
        found = await asyncio.to_thread(ask_keys, layout)
        assert {one.subject for one in found} == {"suite", "memory", "dumps"}
        assert "AES-256-GCM" in found[0].en
        await box.front.lock("test")
        (only,) = await asyncio.to_thread(ask_keys, layout)
        assert (only.subject, only.verdict) == ("memory", "ok")
        assert "locked" in only.en


@pytest.mark.parametrize("as_json", [False, True])
def test_without_a_box_the_doctor_still_speaks(tmp_path, capsys, as_json):
    doctor.run(argparse.Namespace(environ={"WARDBOX_STATE": str(tmp_path)}, json=as_json))
    said = capsys.readouterr().out
    assert "No box answers" in said
    if as_json:
        assert {row["part"] for row in json.loads(said)} == {"storage", "keys", "backup"}
