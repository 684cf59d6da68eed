"""Files by TUF's client workflow: only what was signed for, once, whole."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from installer.__main__ import main
from tests.installer.vendor.tuf_repository import ALL

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("path", ["file.txt", "path/to/a/file.txt"])
def test_a_download_and_none_where_it_is_there(client, repo, path):
    repo.add_file("targets", path, b"content")
    repo.publish(*ALL)
    assert client.refresh() == 0
    assert client.contents() == []
    assert client.download(path) == 0
    assert client.download(path) == 0
    assert client.contents() == [b"content"]
    assert len(repo.asked_files) == 1


def test_exchanged_content_is_not_kept(client, repo):
    repo.add_file("targets", "one", b"content one")
    repo.add_file("targets", "two", b"content two")
    repo.publish(*ALL)
    assert client.download("one") == 0
    for content in (b"malicious !", b"longer than what was signed for", b""):
        repo.files["one"] = repo.files["two"] = content
        assert client.download("one") == 0, "it is there"
        assert client.download("two") == 1
        assert client.contents() == [b"content one"]


def test_content_that_changes_keeps_its_place(client, repo):
    for turn in range(4):
        repo.add_file("targets", "file", f"turn {turn}".encode())
        repo.publish(*ALL)
        assert client.download("file") == 0
        assert client.contents() == [f"turn {turn}".encode()]
    assert len(list(client.files.iterdir())) == 1


@pytest.mark.parametrize("hashes", [["sha256"], ["sha512"], ["sha256", "sha512"]], ids=str)
def test_digests(client, repo, hashes):
    repo.add_file("targets", "file", b"content", hashes)
    repo.publish(*ALL)
    assert client.download("file") == 0
    assert client.contents() == [b"content"]
    known = repo.signed["targets"].targets["file"].hashes.values()
    assert repo.asked_files[0].split(".")[0] in known


def test_a_digest_that_nobody_knows_proves_nothing(client, repo):
    repo.add_file("targets", "file", b"content", ["sha512"])
    hashes = repo.signed["targets"].targets["file"].hashes
    hashes["unknown-hash"] = hashes.pop("sha512")
    repo.publish(*ALL)
    assert client.download("file") == 1
    assert client.contents() == []


def test_arguments_that_are_missing(client, web, capsys):
    base = ["vendor", "tuf-client", "--metadata-dir", str(client.folder)]
    assert main([*base, "refresh"]) == 1
    url = ["--metadata-url", f"{web.address}/metadata"]
    assert main([*base, *url, "download"]) == 1
    assert main([*base, *url, "--target-name", "x", "download"]) == 1
    told = capsys.readouterr().err
    assert told.count("[vendor.argument-refused]") == 3
    assert "Traceback" not in told


def test_nobody_answers_and_a_second_root(client, repo, capsys):
    base = ["vendor", "tuf-client", "--metadata-dir", str(client.folder)]
    assert main([*base, "--metadata-url", "http://127.0.0.1:9/metadata", "refresh"]) == 1
    assert main([*base, "--metadata-url", "no address", "refresh"]) == 1
    assert client.init(repo.published["root"][0]) == 1
    told = capsys.readouterr().err
    assert "[vendor.folder-taken]" in told
    assert "Traceback" not in told


def test_a_connection_that_breaks_in_the_middle(client, repo, web, capsys):
    repo.add_file("targets", "file", b"content")
    repo.publish(*ALL)
    web.silent = True
    try:
        assert client.refresh() == 1
        web.silent, web.promised = False, 10
        assert client.refresh() == 1
        assert client.roles() == {"root": 1}
        web.promised = 0
        assert client.refresh() == 0
        web.promised = 10
        assert client.download("file") == 1
    finally:
        web.silent, web.promised = False, 0
    assert client.contents() == []
    assert "Traceback" not in capsys.readouterr().err
    assert client.download("file") == 0


@pytest.mark.slow
def test_the_command_as_the_conformance_suite_calls_it(web, repo, tmp_path):
    """Each step is a process of its own, options before the step, exit status 0 or 1."""
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    for role in ("root", *ALL):
        repo.signed[role].expires = expires
    repo.add_file("targets", "path/to/file", b"content")
    repo.publish("root", *ALL)
    (tmp_path / "initial_root.json").write_bytes(repo.published["root"][1])
    (tmp_path / "metadata").mkdir()
    (tmp_path / "targets").mkdir()

    def client(*words: str) -> int:
        command = [str(ROOT / "wardbox"), "vendor", "tuf-client", *words]
        return subprocess.run(command, check=False, timeout=120).returncode

    home = ["--metadata-dir", str(tmp_path / "metadata")]
    at = ["--metadata-url", f"{web.address}/metadata/", *home]
    get = [
        "--target-dir",
        str(tmp_path / "targets"),
        "--target-base-url",
        f"{web.address}/targets/",
    ]
    assert client(*home, "init", str(tmp_path / "initial_root.json")) == 0
    assert client(*at, "refresh") == 0
    assert client(*at, "--target-name", "path/to/file", *get, "download") == 0
    assert client(*at, "--target-name", "nowhere", *get, "download") == 1
    assert [path.read_bytes() for path in (tmp_path / "targets").iterdir()] == [b"content"]
    del repo.published["timestamp"]
    assert client(*at, "refresh") == 1
