"""`wardbox audit body` and `forget` as a person types them."""

import argparse
import asyncio
import io
import json
from types import SimpleNamespace

import pytest

from appliance.commands import audit_bodies, conversation
from appliance.commands.table import COMMANDS
from appliance.settings.layout import StateLayout
from secure_compute.destruction import verify_destruction
from secure_compute.note import NoteKey
from tests.appliance.api.box import live_box
from tests.appliance.api.questions import CHAT, GOOD
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        vault_for(one.front, PaperTpm())
        yield one


@pytest.fixture
def wardbox(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        COMMANDS["audit"].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(("audit", *words))
        args.environ = {"WARDBOX_STATE": str(box.front.layout.root)}
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = await asyncio.to_thread(COMMANDS["audit"].run, args)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


async def ask(box, patient):
    headers = {**box.bearer, "X-WardBox-Patient": patient}
    async with box.http.post(box.url + CHAT, json=GOOD, headers=headers) as answer:
        return answer.headers["X-WardBox-Receipt"]


async def test_a_body_is_shown_whole_in_parts_and_as_json(box, wardbox):
    receipt = await ask(box, "P0042")
    status, told, _ = await wardbox("body", receipt)
    assert (status, receipt in told, "回答 answer" in told) == (0, True, True)
    view = json.loads((await wardbox("body", receipt, "--json"))[1])
    status, told, _ = await wardbox("body", str(view["index"]), "--part", "answer")
    assert (status, told.rstrip("\n")) == (0, view["answer"]["text"])
    assert (await wardbox("body", receipt, "--part", "extract"))[1] == "\n"
    status, _, said = await wardbox("body", "0")
    assert (status, "body.not-kept" in said) == (1, True)
    status, _, said = await wardbox("body", "../../etc/passwd")
    assert (status, "Traceback" in said) == (1, False)


def test_what_could_steer_a_terminal_is_shown_as_a_question_mark():
    assert audit_bodies._plain("好\n\t\x1b[2J\u202e\x07.") == "好\n\t?[2J??."


async def test_a_patient_is_forgotten_once_confirmed_with_a_certificate(box, wardbox, tmp_path):
    receipt, other = await ask(box, "P0042"), await ask(box, "P0043")
    status, _, said = await wardbox("forget", "--patient", "P0042", stdin="P0043\n")
    assert (status, "request.field-refused" in said) == (1, True)
    assert (await wardbox("body", receipt))[0] == 0
    file = tmp_path / "forgotten.cert"
    words = ("forget", "--patient", "P0042", "--certificate", str(file))
    status, told, _ = await wardbox(*words, stdin="P0042\n")
    assert (status, "destroyed: patient P0042" in told) == (0, True)
    key = box.front.vault.opened.signing_key("audit")
    note_key = NoteKey(box.front.settings.audit.origin, key.verify_key)
    made = verify_destruction(file.read_bytes(), note_key)
    assert (made.kind, made.subject) == ("patient", "P0042")
    status, _, said = await wardbox("body", receipt)
    assert (status, "body.forgotten" in said) == (1, True)
    status, told, _ = await wardbox("forget", "--patient", "-", "--yes", stdin="P0043\n")
    assert (status, "wardbox-destruction/1" in told) == (0, True)
    assert "body.forgotten" in (await wardbox("body", other))[2]
    status, _, said = await wardbox("forget", "--patient", "nobody", "--yes")
    assert (status, "vault.subject-unknown" in said) == (1, True)
    assert StateLayout(box.front.layout.root).forgotten_file.exists()
