"""The whole box: installed, drafting, audited, locked, killed and back again."""

import asyncio
import io
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time

import aiohttp
import psutil
import pytest

from models.reference.example import example_facts
from tests.box.conftest import install

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(example_facts().to_json(), ensure_ascii=False), encoding="utf-8")
    return path


def wait_for(ask, seconds=30):
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it did not come back in time"
        time.sleep(0.1)


def healthy(box):
    return box.run("status", check=False).returncode == 0


def test_the_installation_hands_its_secrets_over_once(box):
    assert set(box.secrets) >= {"administrator", "password", "vault", "recovery"}
    assert box.secrets["password"] not in box.said
    everything = b"".join(
        path.read_bytes()
        for path in box.state.rglob("*")
        if path.is_file() and "files" not in path.parts
    )
    for secret in ("password", "vault", "recovery"):
        assert box.secrets[secret].encode() not in everything


def test_the_smoke_check_drafted_a_note(box):
    assert "林秀兰" in box.said
    assert "主诉" in box.said
    assert "rcp_" in box.said


def test_a_second_installation_rests(box):
    said = install(box.state, box.answers)
    assert "密码" not in said
    assert said.count("already so") >= 7


def test_a_note_is_drafted_with_sources_and_a_receipt(box, facts):
    draft = json.loads(box.run("draft", "admission-note", "--facts", str(facts), "--json").stdout)
    sentences = [s for section in draft["note"]["sections"] for s in section["sentences"]]
    assert all(sentence["sources"] for sentence in sentences)
    assert "林秀兰" in draft["note"]["text"]
    assert "⟦" not in draft["note"]["text"]
    assert draft["receipt"].startswith("rcp_")
    assert not draft["flags"]


def test_contradictory_facts_are_refused_with_the_conflict_named(box, tmp_path):
    contradictory = example_facts().to_json()
    contradictory["patient"]["sex"] = "男" if contradictory["patient"]["sex"] == "女" else "女"
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(contradictory, ensure_ascii=False), encoding="utf-8")
    done = box.run("draft", "admission-note", "--facts", str(path), check=False)
    assert done.returncode == 1
    assert "性别" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"patient": 1}', '{"unknown": 1}', "\x00", "[" * 100_000]
)
def test_bad_facts_files_end_in_a_sentence(box, tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content, encoding="utf-8")
    done = box.run("draft", "admission-note", "--facts", str(path), check=False)
    assert done.returncode in {1, 2}
    assert done.stderr.strip()


def test_the_record_verifies_offline_and_a_tampered_one_does_not(box, tmp_path):
    assert box.run("audit", "verify").returncode == 0
    out = tmp_path / "export"
    box.run("audit", "export", "--out", str(out))
    good = check_export(out, tmp_path)
    assert good.returncode == 0, good.stderr
    entries = out / "entries.ndjson"
    text = entries.read_text(encoding="utf-8")
    assert "specialist:admission-note:draft" in text
    assert "林秀兰" not in text
    entries.write_text(text.replace("local:console", "local:console2", 1), encoding="utf-8")
    assert check_export(out, tmp_path).returncode == 1


def check_export(out, tmp_path):
    """Run the export's own verifier with the system's Python, with no environment of ours."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    remember = tmp_path / "remembered.json"
    remember.unlink(missing_ok=True)
    return subprocess.run(
        [python, "-I", out / "verify.py", out, "--remember", remember],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=False,
    )


def make_key(box):
    scopes = ("chat", "models:read", "specialists", "system:read")
    flags = [word for scope in scopes for word in ("--scope", scope)]
    return box.run("key", "create", "test", *flags).stdout.strip()


def trusting(box):
    return ssl.create_default_context(cafile=str(box.state / "trust/ca.pem"))


async def ask(session, box, key, path="/v1/chat/completions", body=None):
    body = body or {
        "model": "wardbox-reference",
        "messages": [{"role": "user", "content": "姓名⟦姓名⟧"}],
        "max_tokens": 8,
    }
    async with session.post(
        f"https://localhost:{box.port}{path}",
        data=io.BytesIO(json.dumps(body).encode()),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        ssl=trusting(box),
    ) as response:
        answer = await response.json(content_type=None)
        if response.status == 200:
            answer["receipt"] = response.headers["X-WardBox-Receipt"]
        return response.status, answer


async def test_a_local_application_chats_over_tls_with_its_key(box):
    key = make_key(box)
    async with aiohttp.ClientSession() as session:
        status, body = await ask(session, box, key)
        assert status == 200, body
        assert body["choices"][0]["message"]["role"] == "assistant"
        status, body = await ask(session, box, "wb_wrong.wrong")
        assert status == 401
        assert body["code"] == "access.refused"
        status, body = await ask(session, box, key, body={"model": "nowhere", "messages": []})
        assert status in {404, 422}
        huge = {
            "model": "wardbox-reference",
            "messages": [{"role": "user", "content": "字" * 10**6}],
        }
        status, body = await ask(session, box, key, body=huge)
        assert status == 413
        assert body["way_out"]


@pytest.mark.filterwarnings(
    # The server dies under the client's open connections, which asyncio then finds unclosed.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
async def test_killed_under_load_the_box_comes_back_and_loses_no_record(box):
    """64 clients; the engine dies, then the daemon: clients hear clear words, the log stays whole."""
    key = make_key(box)
    answered, refused, broken = [], [], []
    stop = asyncio.Event()

    async def client(session):
        while not stop.is_set():
            try:
                status, body = await ask(session, box, key)
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                broken.append(1)
                await asyncio.sleep(0.2)
                continue
            if status == 200:
                answered.append(body["receipt"])
            else:
                refused.append((status, body["code"], bool(body["way_out"])))
                await asyncio.sleep(0.1)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        clients = [asyncio.create_task(client(session)) for _ in range(64)]
        await asyncio.sleep(2)
        before = len(answered)
        engine = next(
            child
            for child in psutil.Process(box.pid("serve")).children(recursive=True)
            if "llama-server" in child.name()
        )
        engine.send_signal(signal.SIGKILL)
        await asyncio.sleep(6)
        after_engine = len(answered)
        os.kill(box.pid("serve"), signal.SIGKILL)
        await asyncio.sleep(12)
        stop.set()
        await asyncio.gather(*clients)
    print(f"answered {len(answered)}, refused {len(refused)}, cut off {len(broken)}")
    assert 0 < before < after_engine < len(answered), (before, after_engine, len(answered))
    assert all(told for _, _, told in refused)
    assert {status for status, _, _ in refused} <= {502, 503}
    assert not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE
    await asyncio.to_thread(wait_for, lambda: healthy(box))
    verified = await asyncio.to_thread(box.run, "audit", "verify")
    assert verified.returncode == 0
    everything = await asyncio.to_thread(_receipts, box)
    lost = [receipt for receipt in answered if receipt not in everything]
    assert lost == []


def _receipts(box):
    out = box.state.parent / "after-the-kill"
    box.run("audit", "export", "--out", str(out))
    text = (out / "entries.ndjson").read_text(encoding="utf-8")
    return set(re.findall(r"rcp_[a-zA-Z0-9]+", text))


def test_a_locked_box_answers_health_and_unlock_only(box, facts):
    box.run("vault", "lock")
    try:
        assert "locked" in box.run("status", check=False).stdout
        refused = box.run("draft", "admission-note", "--facts", str(facts), check=False)
        assert refused.returncode == 1
        assert "vault unlock" in refused.stdout + refused.stderr
        wrong = box.run("vault", "unlock", given="not the passphrase\n", check=False)
        assert wrong.returncode == 1
    finally:
        box.run("vault", "unlock", given=box.secrets["recovery"] + "\n")
    wait_for(lambda: healthy(box))
    assert box.run("draft", "admission-note", "--facts", str(facts)).returncode == 0


def test_the_stored_box_shows_nothing(box):
    cipher = [path for path in (box.state / "vault/files.cipher").rglob("*") if path.is_file()]
    databases = [box.state / "vault" / name for name in ("box.db", "audit.db")]
    for path in (*cipher, *databases):
        content = path.read_bytes()
        assert b"GGUF" not in content
        assert b"SQLite format 3" not in content
        assert b"wardbox-reference" not in content


def test_the_log_holds_no_content(box):
    log = (box.state / "logs/wardbox.log").read_text(encoding="utf-8")
    assert "林秀兰" not in log
    assert "视物模糊" not in log
