"""Exports to test with: a filled log, what an export is made of, and a judge of what came out."""

from pathlib import Path

import pytest

from appliance.audit.export_order import Materials
from appliance.audit.rendering.meaning import Source
from secure_compute.errors import SignatureInvalid
from secure_compute.signing import VerifyKey
from secure_compute.verifier import notes
from secure_compute.verifier.judge import main
from tests.appliance.audit.conftest import note


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def filled(box):
    log = box.open()
    futures = [log.append(note(number, f"key:{number % 3}")) for number in range(300)]
    for future in futures:
        future.result(10)
    return log


def made_of(log, box, **more) -> Materials:
    return Materials(log.reader, Source("wardbox/test", "box", "1.2"), log.seal, box.clock, **more)


@pytest.fixture
def materials(filled, box):
    return made_of(filled, box)


@pytest.fixture
def judge(tmp_path, capsys):
    def judged(folder: Path, *more: str) -> tuple[int, str]:
        memory = tmp_path / "memory.json"
        memory.unlink(missing_ok=True)
        status = main([str(folder), "--remember", str(memory), *more])
        said = capsys.readouterr()
        return status, said.out + said.err

    return judged


@pytest.fixture
def quick_signatures(monkeypatch):
    """The same judgement of a signature, a thousand times faster; its own tests compare the two."""

    def verify(public: bytes, signature: bytes, message: bytes) -> bool:
        try:
            VerifyKey(public).verify(signature, message)
        except (SignatureInvalid, ValueError):
            return False
        return True

    monkeypatch.setattr(notes, "ed25519_verify", verify)
