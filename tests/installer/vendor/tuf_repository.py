"""Any TUF repository, served over HTTP, that does what a test tells it to; and a client's command."""

import argparse
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from installer.vendor import command

START = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
LATER = START + timedelta(days=30)
TOP = ("root", "targets", "snapshot", "timestamp")
ALL = ("targets", "snapshot", "timestamp")


class Repository:
    """Metadata under construction, what of it is published, and what was asked for."""

    def __init__(self) -> None:
        self.signed: dict[str, Any] = {
            "root": Root(expires=LATER, consistent_snapshot=True),
            "targets": Targets(expires=LATER),
            "snapshot": Snapshot(expires=LATER),
            "timestamp": Timestamp(expires=LATER),
        }
        self.signers: dict[str, list[CryptoSigner]] = {}
        self.published: dict[str, list[bytes]] = {}
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, int | None]] = []
        self.asked_files: list[str] = []
        self.hashes = False
        for role in TOP:
            self.add_key(role)
        self.publish("targets", "snapshot", "timestamp", "root")

    def add_key(
        self, role: str, signer: CryptoSigner | None = None, delegator: str = "root"
    ) -> CryptoSigner:
        signer = CryptoSigner.generate_ed25519() if signer is None else signer
        self.signed[delegator].add_key(signer.public_key, role)
        self.signers.setdefault(role, []).append(signer)
        return signer

    def rotate(self, role: str) -> None:
        root = self.signed["root"]
        root.roles[role].keyids.clear()
        self.signers[role].clear()
        for _ in range(root.roles[role].threshold):
            self.add_key(role)

    def publish(self, *roles: str) -> None:
        """Sign the next version of roles and show it; what lists them learns of it."""
        for role in roles:
            if role in self.published:
                self.signed[role].version += 1
            self.show(role, self.sign(role))

    def sign(self, role: str) -> bytes:
        metadata = Metadata(self.signed[role])
        for signer in self.signers[role]:
            metadata.sign(signer, append=True)
        return json.dumps(metadata.to_dict()).encode()

    def show(self, role: str, raw: bytes) -> None:
        self.published.setdefault(role, []).append(raw)
        version = self.signed[role].version
        about = MetaFile.from_data(version, raw, ["sha256"]) if self.hashes else MetaFile(version)
        if role == "snapshot":
            self.signed["timestamp"].snapshot_meta = about
        elif role not in TOP or role == "targets":
            self.signed["snapshot"].meta[f"{role}.json"] = about

    def restart(self, role: str) -> None:
        """Count the versions of a role from 1 again."""
        del self.published[role]
        self.signed[role].version = 1

    def edit(self, role: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change what is published last as JSON: what no library would write."""
        document = json.loads(self.published[role][-1])
        change(document)
        self.published[role][-1] = json.dumps(document).encode()

    def sign_json(self, role: str, change: Callable[[dict[str, Any]], None]) -> None:
        """The same, signed again."""

        def both(document: dict[str, Any]) -> None:
            change(document["signed"])
            payload = encode_canonical(document["signed"]).encode()
            made = [signer.sign(payload) for signer in self.signers[role]]
            document["signatures"] = [one.to_dict() for one in made]

        self.edit(role, both)

    def delegate(
        self,
        delegator: str,
        name: str,
        paths: Iterable[str] = ("*",),
        *,
        terminating: bool = False,
        expires: datetime = LATER,
    ) -> CryptoSigner:
        above = self.signed[delegator]
        if above.delegations is None:
            above.delegations = Delegations({}, roles={})
        above.delegations.roles[name] = DelegatedRole(name, [], 1, terminating, list(paths))
        self.signed.setdefault(name, Targets(expires=expires))
        return self.add_key(name, delegator=delegator)

    def add_file(
        self, role: str, path: str, content: bytes, hashes: Iterable[str] = ("sha256",)
    ) -> None:
        self.signed[role].targets[path] = TargetFile.from_data(path, content, list(hashes))
        self.files[path] = content

    def answer(self, path: str) -> bytes | None:
        kind, _, rest = path.partition("/")
        if kind == "metadata":
            return self._metadata(rest.removesuffix(".json"))
        return self._file(rest)

    def _metadata(self, name: str) -> bytes | None:
        version: int | None = None
        role = name
        first, dot, rest = name.partition(".")
        consistent = self.signed["root"].consistent_snapshot or rest == "root"
        if dot and first.isdigit() and consistent:
            version, role = int(first), rest
        self.asked.append((role, version))
        shown = self.published.get(unquote(role), [])
        if version is None:
            return shown[-1] if shown else None
        return shown[version - 1] if 1 <= version <= len(shown) else None

    def _file(self, path: str) -> bytes | None:
        self.asked_files.append(path)
        folder, slash, last = path.rpartition("/")
        if self.signed["root"].consistent_snapshot:
            last = last.partition(".")[2]
        return self.files.get(unquote(f"{folder}{slash}{last}"))


class Host:
    """Serves the repository of the moment on loopback."""

    def __init__(self) -> None:
        self.repository: Repository | None = None
        self.silent = False
        self.promised = 0
        """Bytes that an answer promises beyond what it brings: the connection then breaks."""
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if host.silent:
                    self.close_connection = True
                    return
                found = host.repository and host.repository.answer(self.path.lstrip("/"))
                if found is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(found) + host.promised))
                self.end_headers()
                self.wfile.write(found)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def host() -> Iterator[Host]:
    serving = Host()
    try:
        yield serving
    finally:
        serving.close()


class Clock:
    """Stands in for the module `time`."""

    now: datetime = START

    def time(self) -> float:
        return self.now.timestamp()


class Client:
    """`wardbox vendor tuf-client` with a folder of its own."""

    def __init__(self, folder: Path, address: str, clock: Clock) -> None:
        self.folder = folder / "metadata"
        self.files = folder / "files"
        self._root = folder / "initial_root.json"
        self._address = address
        self._clock = clock
        self.folder.mkdir(parents=True)
        self.files.mkdir()

    def init(self, root: bytes) -> int:
        self._root.write_bytes(root)
        return self._run("init", str(self._root))

    def refresh(self, now: datetime = START) -> int:
        self._clock.now = now
        return self._run("--metadata-url", f"{self._address}/metadata", "refresh")

    def download(self, *names: str, now: datetime = START) -> int:
        self._clock.now = now
        words = ["--metadata-url", f"{self._address}/metadata/"]
        for name in names:
            words += ["--target-name", name]
        words += ["--target-base-url", f"{self._address}/targets/"]
        return self._run(*words, "--target-dir", str(self.files), "download")

    def roles(self) -> dict[str, int]:
        """Version of every role that it trusts."""
        return {
            path.stem: json.loads(path.read_bytes())["signed"]["version"]
            for path in sorted(self.folder.glob("*.json"))
        }

    def contents(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in self.files.rglob("*") if path.is_file())

    def _run(self, *words: str) -> int:
        base = ["vendor", "tuf-client", "--metadata-dir", str(self.folder)]
        return command.run(_parser().parse_args([*base, *words]))


@cache
def _parser() -> argparse.ArgumentParser:
    """Made once: it takes longer than what it parses for."""
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(dest="command"))
    return parser
