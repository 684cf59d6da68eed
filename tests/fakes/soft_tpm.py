"""A TPM 2.0 in software: Debian's swtpm on loopback, with a state of its own."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest


class SoftTpm:
    """Starts at `with`, ends after it; `reboot` resets the measurements as a restart does."""

    def __init__(self, state: Path) -> None:
        self.state = state.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def tcti(self) -> str:
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        program = shutil.which("swtpm")
        if program is None:
            pytest.skip("swtpm is not installed: apt-get install swtpm")
        self.state.mkdir(exist_ok=True)
        # Another process may take the ports between looking and binding: then the next pair is tried.
        for _ in range(20):
            self.port = _two_ports()
            self._process = subprocess.Popen(
                (
                    program, "socket", "--tpm2", "--tpmstate", f"dir={self.state}",
                    "--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1",
                    "--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1",
                    "--flags", "not-need-init,startup-clear",
                ),
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            if self._answers():
                return
            self.stop()
        pytest.fail("swtpm does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It takes questions and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def reboot(self) -> None:
        self.stop()
        self.start()

    def replace(self) -> None:
        """Another chip on the same board."""
        self.stop()
        self.state = self.state.with_name(self.state.name + "-other")
        self.start()

    def clear(self) -> None:
        import tpm2_pytss as tss

        with tss.ESAPI(self.tcti) as esapi:
            esapi.clear(tss.ESYS_TR.LOCKOUT)

    def extend(self, pcr: int, data: bytes = b"x" * 32) -> None:
        import tpm2_pytss as tss

        value = tss.TPMT_HA(hashAlg=tss.TPM2_ALG.SHA256, digest=tss.TPMU_HA(sha256=data))
        with tss.ESAPI(self.tcti) as esapi:
            esapi.pcr_extend(tss.ESYS_TR(pcr), tss.TPML_DIGEST_VALUES([value]))

    def lock_out(self) -> None:
        """Fail an authorisation once where once is too often."""
        import tpm2_pytss as tss

        with tss.ESAPI(self.tcti) as esapi:
            esapi.dictionary_attack_parameters(1, 3600, 3600)
            sensitive = tss.TPM2B_SENSITIVE_CREATE(
                tss.TPMS_SENSITIVE_CREATE(userAuth=tss.TPM2B_AUTH(b"right"))
            )
            handle = esapi.create_primary(sensitive, "ecc256:aes128cfb")[0]
            esapi.tr_set_auth(handle, b"wrong")
            with pytest.raises(tss.TSS2_Exception):
                esapi.create(handle, tss.TPM2B_SENSITIVE_CREATE(), "ecc256")
            esapi.flush_context(handle)

    def _answers(self) -> bool:
        assert self._process is not None
        for _ in range(200):
            if self._process.poll() is not None:
                return False
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port + 1)) == 0:
                    return True
            time.sleep(0.05)
        return False


def _two_ports() -> int:
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
