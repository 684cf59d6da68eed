"""Schemathesis over the whole OpenAPI document, against a live box: whatever is sent, every answer conforms."""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.specialists.admission_note import AdmissionNoteWriter
from appliance.specialists.author import Written
from appliance.specialists.recording import Provenance
from models.reference.example import example_facts
from models.reference.placeholders import mask
from models.reference.prompting import reference_note
from tests.appliance.api.box import LiveBox, live_box
from tests.appliance.api.vaulted import vault_for
from tests.appliance.vault.slotted import PaperTpm

HERE = Path(__file__).parent
QUICK_S = 20
SECONDS = int(os.environ.get("WARDBOX_FUZZ_SECONDS", QUICK_S))
"""For all roles together; `./test.sh --api-fuzz` gives three minutes."""

# Who locks the box, or ends the key that asks, has ended the round for everybody.
ENDS = r"^/api/v1/(vault/(lock|unlock)|sessions/current)$"
SHARES = {"all": 0.7, "few": 0.1, "nobody": 0.1, "locked": 0.1}
ABILITIES = ("tools", "vision", "json_schema", "tokenize", "rerank", "moderation", "count")


class Author:
    """Writes the same good note whatever it is asked."""

    async def write(self, ask):
        masked, _ = mask(example_facts())
        yield reference_note(masked).text
        yield Written("stub", "d" * 64, None, 100, 200)


def furnish(box: LiveBox) -> None:
    """Give the box what its plain form for tests does not have: abilities, a specialist, a vault."""
    vault_for(box.front, PaperTpm())
    one = box.serving.one
    box.serving.one = replace(one, abilities=one.abilities.union(ABILITIES))
    provenance = Provenance(b"s" * 32, lambda: "p" * 64, "1", lambda: datetime.now(UTC))
    writer = AdmissionNoteWriter(Author(), box.log, provenance)
    box.front.services = replace(box.front.opened(), specialist=writer)


async def fire(box: LiveBox, role: str, seconds: int, headers: dict[str, str], folder: Path):
    told = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    document = folder / "openapi.json"
    async with box.http.get(f"{box.url}/api/v1/openapi.json", headers=box.bearer) as answer:
        if answer.status == 200:
            document.write_bytes(await answer.read())
    command = (
        *("-m", "schemathesis.cli", "--no-color", "--config-file", HERE / "schemathesis.toml"),
        *("run", document, "--url", box.url, "--max-time", seconds, "--no-shrink"),
        *("--exclude-path-regex", ENDS, "--phases", "examples,coverage,fuzzing"),
        *("--warnings", "off", "--max-failures", 60, *told),
    )
    if role == "locked":
        # A locked box knows nobody, and says so to everybody.
        command += ("--exclude-checks", "missing_required_header,ignored_auth")
    if SECONDS == QUICK_S:
        # As one check among many it asks the same every time; to look for more, ask for it.
        command += ("--seed", "1")
    environ = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.apifuzz.checks",
        "WARDBOX_FUZZ_ROLE": role,
        "PYTHONPATH": str(HERE.parents[1]),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, command), cwd=folder, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 4 * seconds + 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode("utf-8", "replace")


@pytest.mark.slow
async def test_whatever_is_sent_every_answer_conforms(tmp_path, capsys):
    async with live_box(tmp_path) as box:
        furnish(box)
        few = box.make_key("tuning:write")
        for role, share in SHARES.items():
            if role == "locked":
                await box.front.lock("test")
            headers = {"all": box.bearer, "few": few}.get(role, {})
            seconds = max(4, round(SECONDS * share))
            status, out = await fire(box, role, seconds, headers, tmp_path)
            with capsys.disabled():
                print(f"\n{role}:", *out.strip().splitlines()[-14:], sep="\n  ")
            assert status == 0, f"as {role}:\n{out[-20_000:]}"
