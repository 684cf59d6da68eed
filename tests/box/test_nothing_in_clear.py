"""What people entered lies nowhere in the clear: files, the raw disk, memory once locked."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

from tests.box.conftest import Box, install, read_secrets
from tests.box.search import family, in_file, in_memory, in_tree, keys_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clear")]

ROOT = Path(__file__).resolve().parents[2]
IMAGE_MIB = 8192


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A file system of its own in an image, where this machine lets one be mounted: (folder, image or None)."""
    scratch = tmp_path_factory.mktemp("c")
    image, folder = scratch / "disk.img", scratch / "d"
    folder.mkdir()
    tools = all(shutil.which(tool) for tool in ("mkfs.ext4", "mount", "umount"))
    if os.getuid() == 0 and tools and _mounted(image, folder):
        yield folder, image
        subprocess.run(["umount", folder], check=True)
        image.unlink()
        return
    yield folder, None


def _mounted(image, folder):
    with image.open("wb") as file:
        file.truncate(IMAGE_MIB << 20)
    # Nothing is discarded: what was written once stays on the image until it is overwritten.
    made = subprocess.run(["mkfs.ext4", "-q", "-E", "nodiscard", image], check=False)
    if made.returncode:
        return False
    mount = ["mount", "-o", "loop,nodiscard", image, folder]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def box(disk):
    """A box whose whole state lies on that disk."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or shutil.which("gocryptfs") is None:
        pytest.skip("a whole box needs /dev/fuse and gocryptfs")
    folder, _ = disk
    scratch = folder.parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answers = scratch / "answers.toml"
    # The page of secrets lies outside the disk: it is paper.
    answers.write_text(
        f'port = {port}\naddress = "127.0.0.1"\nservice = "background"\n'
        f'secrets_file = "{scratch / "secrets.txt"}"\nhospital = "测试医院"\n',
        encoding="utf-8",
    )
    state = folder / "s"
    said = install(state, answers)
    made = Box(state, port, read_secrets(scratch / "secrets.txt"), said)
    yield made
    subprocess.run([ROOT / "install.sh", "--state", state, "--uninstall", "--yes"], check=True)


@pytest.fixture(scope="module")
def planted(box):
    """What was planted by its way in: a prompt, a file of a caller, facts of a note."""
    marks = {way: f"planted-{way}-{uuid.uuid4().hex}" for way in ("prompt", "file", "fact")}
    key = box.run("key", "create", "planter", "--scope", "chat", "--scope", "specialists").stdout
    asker = _Asker(box, key.split()[-1])
    asker.json(
        "/v1/chat/completions",
        {
            "model": "wardbox-reference",
            "max_tokens": 8,
            "messages": [{"role": "user", "content": f"请记住 {marks['prompt']}"}],
        },
    )
    asker.file("planted.jsonl", json.dumps({"custom_id": marks["file"]}).encode())
    facts = json.loads((ROOT / "docs/examples/cataract.json").read_text(encoding="utf-8"))
    facts["patient"]["name"] = marks["fact"][:40]
    asker.json("/api/v1/specialists/admission-note", {"facts": facts})
    marks["fact"] = marks["fact"][:40]
    return {way: mark.encode() for way, mark in marks.items()}


class _Asker:
    """One application with a key, over TLS."""

    def __init__(self, box, key):
        self._box, self._key = box, key
        self._tls = ssl.create_default_context(cafile=str(box.state / "trust/ca.pem"))

    def json(self, path, body):
        return self._send(path, json.dumps(body).encode(), "application/json")

    def file(self, name, content):
        edge = uuid.uuid4().hex
        shown = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        body = b"\r\n".join(
            [
                f"--{edge}".encode(),
                b'Content-Disposition: form-data; name="purpose"',
                b"",
                b"batch",
                f"--{edge}".encode(),
                shown.encode(),
                b"Content-Type: application/octet-stream",
                b"",
                content,
                f"--{edge}--".encode(),
                b"",
            ]
        )
        return self._send("/v1/files", body, f"multipart/form-data; boundary={edge}")

    def _send(self, path, body, kind):
        request = urllib.request.Request(
            f"https://localhost:{self._box.port}{path}",
            data=body,
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": kind},
        )
        with urllib.request.urlopen(request, context=self._tls, timeout=240) as answer:
            return json.loads(answer.read())


def _await_answer(box):
    ends = time.monotonic() + 180
    while box.run("vault", "status", check=False).returncode not in {0, 1}:
        assert time.monotonic() < ends
        time.sleep(0.5)


def _in_processes(box, needles):
    """What lies in the memory of the supervisor and of everything that it has started."""
    found = {}
    for pid in family(box.pid("supervise")):
        try:
            held = in_memory(pid, needles)
        except (ProcessLookupError, FileNotFoundError):
            continue
        except PermissionError:
            pytest.skip("this user may not read the memory of processes that forbid it")
        for name in held:
            found.setdefault(name, set()).add(pid)
    return found


def _core_of(pid, folder):
    """A core of a process as a debugger takes one, with the pages that it asks to leave out of dumps."""
    if shutil.which("gcore") is None:
        return None
    Path(f"/proc/{pid}/coredump_filter").write_text("0x7f")
    core = ["gcore", "-a", "-o", str(folder / "core"), str(pid)]
    subprocess.run(core, check=True, capture_output=True, timeout=240)
    return folder / f"core.{pid}"


def test_nothing_lies_in_the_clear(box, disk, planted, tmp_path):
    folder, image = disk
    keys = keys_of(box.state, box.secrets["recovery"], tmp_path)
    assert {"root", "box.db/1", "audit.db/1", "files/1"} <= set(keys)
    everything = {**planted, **keys}

    # The search finds each of them while the box is open: texts and keys in memory; below, a plain copy on
    # the very same disk.
    opened = _in_processes(box, everything)
    assert set(planted) | {"root", "box.db/1", "audit.db/1", "files/1"} <= set(opened)

    # On disk nothing is there, not even while it is open; nor where files are mounted for programs to read:
    # a caller's file has a key of its own.
    assert in_tree(box.state, everything) == {}

    box.run("vault", "lock")
    _await_answer(box)
    assert _in_processes(box, everything) == {}
    core = _core_of(box.pid("serve"), tmp_path)
    if core is not None:
        assert in_file(core, everything) == set()
        core.unlink()
    assert in_tree(box.state, everything) == {}
    subprocess.run(["sync"], check=True)
    if image is not None:
        assert in_file(image, everything) == set()
    told = f"files, memory of {len(family(box.pid('supervise')))} processes"
    print(f"searched for {len(everything)} needles: {told}, core {core is not None}, disk {image}")

    if image is not None:
        # The very same search of the raw disk finds a file that is not encrypted, also once it is deleted.
        plain = folder / "plain"
        plain.write_bytes(b" ".join(planted.values()) + keys["root"])
        subprocess.run(["sync"], check=True)
        plain.unlink()
        subprocess.run(["sync"], check=True)
        assert in_file(image, everything) >= {*planted, "root"}


def test_a_locked_box_is_a_process_that_never_held_a_key(box):
    """The same process number, the same sockets, nobody turned away meanwhile, and it opens again."""
    _unlock(box)
    before = box.pid("serve"), _started(box.pid("serve"))
    box.run("vault", "lock")
    # At once: whoever connects waits for the fresh process and is answered.
    assert "locked" in box.run("vault", "status", check=False).stdout
    _unlock(box)
    assert box.pid("serve") == before[0]
    assert _started(box.pid("serve")) == before[1]
    assert "vault:root:lock" in box.run("audit", "tail").stdout


def _started(pid):
    """When a process began, in clock ticks since boot; becoming another program does not change it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _unlock(box):
    box.run("vault", "unlock", given=box.secrets["recovery"] + "\n")
