"""`wardbox vault keys`, `rotate`, `erase` and `certificate` against a box with a real vault."""

import argparse
import asyncio
import io
import json
from types import SimpleNamespace

import pytest

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.commands import conversation
from appliance.commands.table import COMMANDS
from appliance.contract.access import UserWish
from appliance.contract.people import ApprovalWish
from appliance.contract.vault_keys import Erasure
from appliance.settings.layout import StateLayout
from appliance.vault.errors import VaultErased
from appliance.vault.subjects import PATIENT
from appliance.vault.vault import Vault
from secure_compute.destruction import verify_destruction
from secure_compute.note import NoteKey
from tests.appliance.api.box import live_box, now
from tests.appliance.api.vaulted import keep_under
from tests.appliance.vault.conftest import CHEAP, PASSPHRASE, NotedMount

PASSWORD = "a long password indeed 7"


@pytest.fixture
async def box(tmp_path):
    async with live_box(tmp_path) as one:
        layout = StateLayout(tmp_path / "vault")
        origin = one.front.settings.audit.origin
        vault = Vault(layout, origin, NotedMount(), now, cost=CHEAP)
        vault.create(PASSPHRASE)
        vault.unlock(PASSPHRASE)
        one.front.vault, one.front.layout = vault, layout
        keep_under(one.front, vault)
        yield one


@pytest.fixture
def subjects(box):
    return box.front.services.disclosure.subjects


@pytest.fixture
def wardbox(box, monkeypatch, capsys):
    monkeypatch.setattr(conversation, "StateLayout", lambda _: SimpleNamespace(socket=box.socket))

    async def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        COMMANDS["vault"].add_parser(parser.add_subparsers(dest="command"))
        args = parser.parse_args(("vault", *words))
        args.environ = {"WARDBOX_STATE": str(box.front.layout.root)}
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = await asyncio.to_thread(COMMANDS["vault"].run, args)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def _key_events(box) -> list[tuple[str, dict]]:
    return [
        (event.tag.rpartition(":")[2], dict(event.details))
        for tag in ("vault:key:ask", "vault:key:done", "vault:key:refuse")
        for event in box.entries(tag)
    ]


async def test_keys_are_listed_without_a_secret(wardbox, box):
    opened = box.front.vault.opened
    status, told, _ = await wardbox("keys")
    assert status == 0
    assert opened.root_id in told
    assert "box.db/1  aes-256-gcm" in told
    status, told, _ = await wardbox("keys", "--json")
    view = json.loads(told)
    assert {"box.db", "files", "authority"} <= {key["use"] for key in view["keys"]}
    assert view["suite"] == "international"
    for key in opened.book.keys:
        with opened.secret(key.wrapped.use, key.wrapped.version) as secret:
            assert secret.reveal().hex() not in told


async def test_the_root_and_one_use_are_replaced_on_the_record(wardbox, box):
    opened = box.front.vault.opened
    root, key = opened.root_id, opened.key("box.db")
    status, told, _ = await wardbox("rotate")
    assert (status, "root" in told) == (0, True)
    assert opened.root_id != root
    assert opened.key("box.db") == key
    for _ in range(2):
        status, told, _ = await wardbox("rotate", "--use", "box.db")
        assert (status, "box.db/2" in told, "next unlock" in told) == (0, True, True)
    status, _, said = await wardbox("rotate", "--use", "signing.audit")
    assert (status, "vault.key-fixed" in said) == (1, True)
    status, _, said = await wardbox("rotate", "--use", "nothing.such")
    assert (status, "vault.key-unknown" in said) == (1, True)
    events = _key_events(box)
    assert [name for name, _ in events].count("ask") == 4
    assert [name for name, _ in events].count("done") == 3
    assert [name for name, _ in events].count("refuse") == 1


async def test_a_patient_is_erased_with_a_certificate(wardbox, box, subjects, tmp_path):
    body = subjects.seal(PATIENT, "P0042", b"body")
    kept = subjects.seal(PATIENT, "P0043", b"kept")
    file = tmp_path / "p0042.cert"
    words = ("erase", "patient", "P0042", "--certificate", str(file))
    status, _, said = await wardbox(*words, stdin="P0043\n")
    assert (status, "request.field-refused" in said) == (1, True)
    assert not file.exists()
    assert subjects.open(PATIENT, "P0042", body) == b"body"
    status, told, _ = await wardbox(*words, stdin="P0042\n")
    assert (status, str(file) in told) == (0, True)
    status, told, _ = await wardbox("certificate", str(file))
    assert (status, "patient P0042" in told) == (0, True)
    bad = file.read_bytes().replace(b"P0042", b"P0043")
    (tmp_path / "bad.cert").write_bytes(bad)
    status, _, said = await wardbox("certificate", str(tmp_path / "bad.cert"))
    assert (status, "secure.signature-invalid" in said) == (1, True)
    assert subjects.open(PATIENT, "P0043", kept) == b"kept"
    again = ("erase", "patient", "P0042", "--confirm", "P0042", "--certificate")
    status, _, said = await wardbox(*again, str(tmp_path / "again.cert"))
    assert (status, "vault.subject-erased" in said) == (1, True)
    # The certificate that is there is never overwritten, and nothing happens without a place for it.
    before = file.read_bytes()
    assert (await wardbox(*again, str(file)))[0] == 2
    assert file.read_bytes() == before
    assert "P0042" not in str(_key_events(box))
    done = [details for name, details in _key_events(box) if name == "done"]
    assert done[0]["digest"].startswith("sha256:")


async def test_a_whole_box_is_erased_once_its_id_is_typed(wardbox, box, tmp_path):
    file, box_id = tmp_path / "box.cert", box.front.settings.box.id
    status, _, said = await wardbox("erase", "box", "--certificate", str(file), stdin="yes\n")
    assert (status, "request.field-refused" in said) == (1, True)
    status, _, _ = await wardbox("erase", "box", "--certificate", str(file), stdin=f"{box_id}\n")
    assert status == 0
    layout = box.front.layout
    key = NoteKey.parse(layout.box_vkey.read_text().strip())
    assert verify_destruction(file.read_bytes(), key).kind == "box"
    assert box.front.services is None
    with pytest.raises(VaultErased):
        box.front.vault.unlock(PASSPHRASE)
    assert (await wardbox("certificate", str(file)))[0] == 0
    assert (await wardbox("keys"))[0] == 1


async def test_two_people_erase_where_the_box_is_set_so(box, subjects):
    object.__setattr__(box.services.access.rules, "two_person", True)
    for subject in ("P1", "P2"):
        subjects.seal(PATIENT, subject, b"body")
    name = subjects.erasable(PATIENT, "P1")[0]
    wish = Erasure(kind="patient", subject="P1", confirm="P1")
    async with (
        Session.local(box.socket) as local,
        Session.remote(box.url) as ann,
        Session.remote(box.url) as bob,
    ):
        for person in ("ann", "bob"):
            await local.create_user(UserWish(name=person, password=PASSWORD, role="administrator"))
        await ann.sign_in("ann", PASSWORD)
        await bob.sign_in("bob", PASSWORD)
        for session in (local, ann):
            with pytest.raises(ProblemError, match=name) as caught:
                await session.slots.keys.erase(wish)
            assert caught.value.code == "access.approval-needed"
        asked = await ann.access.request(ApprovalWish(action="vault.erase", subject=name))
        approved = wish.model_copy(update={"approval": asked.id})
        with pytest.raises(ProblemError):
            await ann.slots.keys.erase(approved)
        await bob.access.approval_does(asked.id, "approve")
        other = Erasure(kind="patient", subject="P2", confirm="P2", approval=asked.id)
        with pytest.raises(ProblemError):
            await ann.slots.keys.erase(other)
        made = await ann.slots.keys.erase(approved)
        with pytest.raises(ProblemError):
            await ann.slots.keys.erase(approved)
    key = NoteKey.parse(box.front.layout.box_vkey.read_text().strip())
    told = verify_destruction(made.certificate.encode(), key)
    assert told.by == ("user:ann", "user:bob")
    assert subjects.count(PATIENT) == 1


async def test_scopes(box):
    for method, path, scope, body in (
        ("GET", "/api/v1/vault/keys", "system:read", None),
        ("POST", "/api/v1/vault/keys/rotate", "vault:write", {}),
    ):
        for held, status in ((scope, 200), ("chat", 403)):
            headers = box.make_key(held)
            async with box.http.request(
                method, box.url + path, json=body, headers=headers
            ) as answer:
                assert answer.status == status, (path, held)
    headers = box.make_key("vault:write")
    for body in (
        {},
        {"kind": "ward", "subject": "x", "confirm": "x"},
        {"kind": "patient", "subject": "", "confirm": ""},
        {"kind": "patient", "subject": "x" * 300, "confirm": "x" * 300},
        {"kind": "box", "subject": "another", "confirm": "another"},
        {"kind": "patient", "subject": "P1", "confirm": "P1", "path": "/etc/passwd"},
    ):
        url = f"{box.url}/api/v1/vault/keys/erase"
        async with box.http.post(url, json=body, headers=headers) as answer:
            assert answer.status == 422, body
    for use in ("../../x", "", "BOX.DB", "a" * 99):
        url = f"{box.url}/api/v1/vault/keys/rotate"
        async with box.http.post(url, json={"use": use}, headers=headers) as answer:
            assert answer.status == 422, use
