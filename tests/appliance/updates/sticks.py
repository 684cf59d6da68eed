"""What hostile sticks have in common: where their parts lie, and what a refusal leaves as it was."""

import json
from pathlib import Path

import pytest

from appliance.updates.errors import (
    UpdateError,
)
from tests.appliance.updates.conftest import Box

ROLES = ("timestamp", "snapshot", "targets", "models")


def metadata(stick: Path, role: str) -> Path:
    folder = stick / "metadata"
    return folder / "timestamp.json" if role == "timestamp" else next(folder.glob(f"*.{role}.json"))


def manifest_of(stick: Path, name: str = "demo-1") -> Path:
    (path,) = (stick / "targets" / "models" / name).glob("*/*.package.json")
    return path


def model_of(stick: Path, name: str = "demo-1") -> Path:
    """The blob that holds the first chunk of a model."""
    manifest = json.loads(manifest_of(stick, name).read_bytes())
    (row,) = [row for row in manifest["files"] if row["name"] == "files/demo.gguf"]
    blob = manifest["supply"][row["chunks"][0][0]]["blob"]
    return stick / "chunks" / blob[:2] / blob


def refused(box: Box, stick: Path, *kinds: type[UpdateError]) -> UpdateError:
    """Both ways refuse, record it, and leave everything as it was."""
    before = box.state()
    for act in (box.updates.verify, box.updates.apply):
        with pytest.raises(kinds or UpdateError) as caught:
            act(stick, "user:li")
        assert caught.value.way_out
        assert box.state() == before
        assert box.models() == []
        assert box.audit.tags()[-1] == "update:bundle:refuse"
        assert box.audit.events[-1].details["code"] == caught.value.code
        assert box.updates.list(1)[0].state == "refused"
        told = caught.value.sentence
        assert told.isprintable()
    return caught.value
