"""Routes of backups: who may, from where, and what a place may be."""

import asyncio

from appliance.client.session import Session
from appliance.contract.backup import BackupTargetWish, BackupWish
from tests.appliance.api.box import LiveBox

URL = "/api/v1/backups"


async def test_places_are_named_on_the_local_console_alone(box: LiveBox, tmp_path) -> None:
    (tmp_path / "disk").mkdir()
    wish = {"name": "nas", "kind": "directory", "place": str(tmp_path / "disk")}
    admin = box.bearer
    async with box.http.post(box.url + URL + "/targets", json=wish, headers=admin) as answer:
        assert answer.status == 403
    for odd, status in (
        ({**wish, "kind": "rsync"}, 422),
        ({**wish, "place": "relative"}, 422),
        ({**wish, "place": str(box.front.layout.root / "vault")}, 422),
        ({**wish, "argv": ["sh"]}, 422),
        ({**wish, "name": "../x"}, 422),
        ({**wish, "kind": "sftp", "place": "u@h:1/x", "host_key": "no key"}, 422),
        (wish, 201),
        (wish, 409),
    ):
        async with box.local.post("http://x" + URL + "/targets", json=odd) as answer:
            assert answer.status == status, await answer.text()
    async with box.local.delete("http://x" + URL + "/targets/none") as answer:
        assert answer.status == 404


async def test_readers_look_and_writers_do(box: LiveBox, tmp_path) -> None:
    (tmp_path / "disk").mkdir()
    async with Session.local(box.socket) as session:
        wish = BackupTargetWish(name="nas", kind="directory", place=str(tmp_path / "disk"))
        added = await session.backups.add(wish)
        assert (added.name, added.snapshots, added.drilled) == ("nas", (), None)
        found = await session.backups.list()
        assert [one.name for one in found.targets] == ["nas"]
        assert found.login.startswith("ssh-ed25519 ")
        assert found.recipient.startswith("age1")
        job = await session.backups.submit(BackupWish(what="create", target="nas"))
        assert (job.kind, job.spec["what"]) == ("backup", "create")
        await session.cancel_job(job.id)
        await session.backups.remove("nas")
        assert (await session.backups.list()).targets == ()
    reader = await asyncio.to_thread(box.make_key, "system:read")
    async with box.http.get(box.url + URL, headers=reader) as answer:
        assert answer.status == 200
    for body in ({"what": "create", "target": "nas"}, {"what": "erase", "target": "nas"}):
        async with box.http.post(box.url + URL, json=body, headers=reader) as answer:
            assert answer.status in {403, 422}
    async with box.http.get(box.url + URL) as answer:
        assert answer.status == 401
