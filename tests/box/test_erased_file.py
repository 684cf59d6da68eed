"""A file on a real box: sealed where it lies, learnt from through a link, destroyed with a certificate."""

import json
import ssl
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]

MARK = b"planted-chat"
SCOPES = ("chat", "jobs:read", "jobs:write")


@pytest.fixture
def ask(box):
    words = [word for scope in SCOPES for word in ("--scope", scope)]
    key = box.run("key", "create", "learner", *words).stdout.split()[-1]
    tls = ssl.create_default_context(cafile=str(box.state / "trust/ca.pem"))

    def asked(path, body=None, kind="application/json"):
        request = urllib.request.Request(
            f"https://localhost:{box.port}{path}",
            data=body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
        )
        with urllib.request.urlopen(request, context=tls, timeout=120) as answer:
            return answer.read()

    return asked


def sent(ask, content):
    edge = uuid.uuid4().hex
    purpose = f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
    file = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="chats"\r\n\r\n'
    body = purpose.encode() + file.encode() + content + f"\r\n--{edge}--\r\n".encode()
    return json.loads(ask("/v1/files", body, f"multipart/form-data; boundary={edge}"))["id"]


def chats(count):
    turns = [{"role": "user", "content": MARK.decode()}, {"role": "assistant", "content": "好"}]
    return b"".join(json.dumps({"messages": turns}).encode() + b"\n" for _ in range(count))


def plain_in(folder):
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in paths if MARK in path.read_bytes()]


def rested(ask, job):
    ends = time.monotonic() + 400
    while job["status"] in {"queued", "running"}:
        assert time.monotonic() < ends
        time.sleep(1)
        job = json.loads(ask(f"/v1/fine_tuning/jobs/{job['id']}"))
    return job


def test_a_file_is_learnt_from_sealed_and_destroyed_for_good(box, ask, tmp_path):
    file_id = sent(ask, chats(16))
    assert ask(f"/v1/files/{file_id}/content") == chats(16)
    wish = {
        "model": "wardbox-reference",
        "training_file": file_id,
        "hyperparameters": {"n_epochs": 1},
    }
    job = json.loads(ask("/v1/fine_tuning/jobs", wish))
    files = box.state / "vault/files"
    ends = time.monotonic() + 200
    while not list((files / "jobs").glob("*/chats.sealed")):
        assert time.monotonic() < ends
        time.sleep(0.2)
    # One inode by two names, on the mounted files of the vault themselves.
    (link,) = (files / "jobs").glob("*/chats.sealed")
    assert link.stat().st_ino == (files / "callers" / file_id).stat().st_ino
    refused = box.run("vault", "erase", "dataset", file_id, "--confirm", file_id,
                      "--certificate", str(tmp_path / "early.cert"), check=False)  # fmt: skip
    done = rested(ask, job)
    assert done["status"] == "succeeded", done
    if refused.returncode:
        assert "file.in-use" in refused.stdout + refused.stderr
    assert not link.exists()
    assert plain_in(files) == []
    rows = json.loads(box.run("vault", "datasets", "--json").stdout)["datasets"]
    (row,) = [one for one in rows if one["id"] == file_id]
    assert (row["state"], row["algorithm"]) == ("sealed", "aes-256-gcm")
    proof = tmp_path / "file.cert"
    box.run("vault", "erase", "dataset", file_id, "--confirm", file_id, "--certificate", str(proof))
    assert file_id in box.run("vault", "certificate", str(proof)).stdout
    with pytest.raises(urllib.error.HTTPError) as told:
        ask(f"/v1/files/{file_id}/content")
    with told.value as answer:
        assert answer.code == 404
    assert not Path(files / "callers" / file_id).exists()
    again = box.run("vault", "erase", "dataset", file_id, "--confirm", file_id,
                    "--certificate", str(tmp_path / "again.cert"), check=False)  # fmt: skip
    assert again.returncode == 1
    assert "vault.subject-erased" in again.stdout + again.stderr
