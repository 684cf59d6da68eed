"""A real key server: Debian's tangd behind a small listener on loopback, as inetd would run it."""

import json
import socket
import subprocess
import threading
from pathlib import Path
from typing import Self

import pytest

TANGD = Path("/usr/libexec/tangd")
KEYGEN = Path("/usr/libexec/tangd-keygen")


class TangServer:
    """Answers at `url` between `with` and its end; keys lie in `keys`."""

    def __init__(self, keys: Path) -> None:
        if not TANGD.exists():
            pytest.skip("tang is not installed: apt-get install tang")
        self.keys = keys
        keys.mkdir(exist_ok=True)
        subprocess.run((KEYGEN, keys), check=True)
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def thumbprint(self) -> str:
        """Of the signing key, which is how its file is named."""
        for path in self.keys.glob("*.jwk"):
            if "verify" in json.loads(path.read_text())["key_ops"]:
                return path.stem
        pytest.fail("no signing key")

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                subprocess.run(
                    (TANGD, self.keys), stdin=client, stdout=client,
                    stderr=subprocess.DEVNULL, check=False, timeout=60,
                )  # fmt: skip
