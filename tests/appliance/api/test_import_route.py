"""The route of imports: on the box's own console only, refusals as problems."""

import asyncio

from appliance.catalogue.importing import IMPORT, Importer
from appliance.catalogue.service import CatalogueService
from appliance.client.session import Session
from models.registry.shelf import Shelf
from secure_compute.signing import SigningKey
from tests.appliance.api.box import LiveBox, now
from tests.models.formats.build import gguf_bytes

URL = "/api/v1/models/import"


async def test_a_path_is_taken_from_the_local_console_alone(box: LiveBox, tmp_path) -> None:
    signer = SigningKey.generate()
    state = box.front.layout.root
    shelf = Shelf(state / "shelf", clock=now, trusted={signer.key_id: signer.verify_key})
    catalogue = CatalogueService(shelf, signer, box.log, "default")
    importer = Importer(catalogue, state / "imports", (state,))
    box.services.jobs._kinds[IMPORT] = importer.kind()
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "Demo.gguf").write_bytes(gguf_bytes())
    wish = {"path": str(stick / "Demo.gguf")}
    async with box.http.post(box.url + URL, json=wish, headers=box.bearer) as answer:
        assert answer.status == 403
        assert (await answer.json(content_type=None))["code"] == "access.local-only"
    for odd, code in (
        ({"path": "/proc/self/environ"}, "model.source-refused"),
        ({"path": str(state)}, "model.source-refused"),
        ({"path": str(stick / "Demo.gguf"), "id": "UP"}, "job.spec-invalid"),
        ({"path": str(stick / "Demo.gguf"), "argv": ["sh"]}, "request.field-refused"),
        ({"path": str(stick)}, None),
    ):
        async with box.local.post("http://x" + URL, json=odd) as answer:
            body = await answer.json(content_type=None)
            assert answer.status in ((422,) if code else (202,)), body
            assert code is None or body["code"] == code
    async with Session.local(box.socket) as session:
        job = await session.imports.submit(str(stick / "Demo.gguf"), "demo")
        assert job.kind == "import"
        await session.cancel_job(job.id)
    assert await asyncio.to_thread(catalogue.models) == ()
