"""Slots over HTTP, with a real vault: who may, what is shown once, what stands on the record."""

import pytest

from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.slotted import PaperTpm

SLOTS = "/api/v1/vault/slots"
PRESENT = {"secret": PASSPHRASE}


@pytest.fixture
def chip():
    return PaperTpm()


@pytest.fixture
def vault(box, chip):
    return vault_for(box.front, chip)


async def ask(box, method, path, body=None, headers=None):
    headers = box.bearer if headers is None else headers
    async with box.http.request(method, box.url + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def recorded(box):
    _, page = await ask(box, "GET", "/api/v1/audit/entries?tag=vault:slot:*&limit=50")
    return [(one["tag"].rpartition(":")[2], one["details"]["what"]) for one in page["entries"]][
        ::-1
    ]


async def test_slots_are_added_listed_tried_and_revoked_on_the_record(box, vault):
    before = vault.opened.root_id
    wish = {"kind": "shares", "label": "值班", "present": PRESENT, "holders": ["李", "王", "陈"]}
    status, added = await ask(box, "POST", SLOTS, wish)
    assert (status, [share["holder"] for share in added["shares"]]) == (201, ["李", "王", "陈"])
    shares = [share["text"] for share in added["shares"]][1:]
    status, told = await ask(box, "POST", f"{SLOTS}/test", {"present": {"shares": shares}})
    assert (status, told["label"], told["needed"]) == (200, "值班", 2)
    status, told = await ask(box, "GET", SLOTS)
    assert [slot["kind"] for slot in told["slots"]] == ["passphrase", "recovery", "shares"]
    assert all(text not in str(told) for text in shares)
    path = f"{SLOTS}/{added['slot']['id']}/revoke"
    status, told = await ask(box, "POST", path, {"present": {"secret": "wrong wrong wrong"}})
    assert (status, told["code"]) == (401, "vault.wrong-secret")
    status, _ = await ask(box, "POST", path, {"present": PRESENT})
    assert status == 200
    assert await recorded(box) == [
        ("ask", "add"), ("done", "add"), ("ask", "test"), ("done", "test"),
        ("ask", "revoke"), ("refuse", "revoke"), ("ask", "revoke"), ("done", "revoke"),
    ]  # fmt: skip
    # A copy of the old key files opens nothing that is written from now on.
    assert vault.opened.root_id != before
    status, told = await ask(box, "POST", f"{SLOTS}/test", {"present": {"shares": shares}})
    assert (status, told["code"]) == (401, "vault.wrong-secret")


async def test_a_tpm_slot_is_sealed_tried_and_sealed_anew(box, vault, chip):
    status, added = await ask(box, "POST", SLOTS, {"kind": "tpm", "present": PRESENT})
    assert (status, added["slot"]["pcrs"], added["slot"]["person"]) == (201, [7], False)
    slot = {"slot": added["slot"]["id"]}
    assert (await ask(box, "POST", f"{SLOTS}/test", slot))[0] == 200
    chip.pcrs[7] = "ab" * 32
    status, told = await ask(box, "POST", f"{SLOTS}/test", slot)
    assert (status, told["code"]) == (409, "secure.tpm-policy")
    status, fresh = await ask(box, "POST", f"{SLOTS}/reseal", {"present": PRESENT})
    assert status == 200
    assert (await ask(box, "POST", f"{SLOTS}/test", {"slot": fresh["slot"]["id"]}))[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "recovery"}, 422, ""),
        ({"kind": "recovery", "present": {}}, 401, "vault.wrong-secret"),
        ({"kind": "smile", "present": PRESENT}, 422, ""),
        ({"kind": "passphrase", "present": PRESENT}, 422, "vault.weak-passphrase"),
        ({"kind": "network", "present": PRESENT, "url": "file:///x"}, 422, "vault.slot-unfit"),
        ({"kind": "recovery", "present": PRESENT, "instead_of": "f" * 16}, 404, "vault.slot-unknown"),
        ({"kind": "tpm", "present": PRESENT, "pcrs": [99]}, 422, ""),
        ({"kind": "recovery", "present": {"shares": ["AAAA"]}}, 422, "secure.share-mistyped"),
        ({"kind": "recovery", "present": {"key_file": "MZ"}}, 422, "secure.key-file-malformed"),
    ],
    ids=range(9),
)  # fmt: skip
async def test_bad_wishes_are_told(box, vault, body, status, code):
    answered, told = await ask(box, "POST", SLOTS, body)
    assert (answered, told["code"] if code else "") == (status, code)
    assert len(vault.slots.listed()) == 2


async def test_only_who_may_write_the_vault_changes_it(box, vault):
    slot = vault.slots.listed()[1][0].slot_id
    nobody = box.make_key("system:read")
    for path, body in (
        (SLOTS, {"kind": "recovery", "present": PRESENT}),
        (f"{SLOTS}/test", {"present": PRESENT}),
        (f"{SLOTS}/reseal", {"present": PRESENT}),
        (f"{SLOTS}/{slot}/revoke", {"present": PRESENT}),
        ("/api/v1/vault/claim", None),
    ):
        assert (await ask(box, "POST", path, body, nobody))[0] == 403
        assert (await ask(box, "POST", path, body, {}))[0] in {401, 422}
    assert (await ask(box, "GET", SLOTS, None, nobody))[0] == 200
    assert len(vault.slots.listed()) == 2


async def test_revoking_takes_two_where_the_box_is_set_so(box, vault, monkeypatch):
    from dataclasses import replace

    ground = box.services.access.approvals._ground
    monkeypatch.setattr(
        box.services.access.approvals, "_ground",
        replace(ground, rules=replace(ground.rules, two_person=True)),
    )  # fmt: skip
    slot = vault.slots.listed()[1][0].slot_id
    status, told = await ask(box, "POST", f"{SLOTS}/{slot}/revoke", {"present": PRESENT})
    assert (status, told["code"]) == (409, "access.approval-needed")
    assert len(vault.slots.listed()) == 2
    change = {"present": PRESENT, "approval": "apr_0000000000000000"}
    status, told = await ask(box, "POST", f"{SLOTS}/{slot}/revoke", change)
    assert (status, told["code"]) == (404, "access.approval-unknown")
    assert len(vault.slots.listed()) == 2
