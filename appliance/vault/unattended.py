"""Opening without a person: the TPM and the key servers, tried in the order of the slots."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from appliance.vault.measured import changed_since
from appliance.vault.slot_book import SlotNote
from secure_compute.errors import SecureComputeError
from secure_compute.errors import WrongSecret as NoSlotOpens
from secure_compute.sealed_root import Opener, SealedRoot, Slot, open_slot
from secure_compute.secret import Secret
from secure_compute.slot_errors import NetworkSlotRefused, TpmPolicyFailed
from secure_compute.slot_kinds import NETWORK, TPM
from secure_compute.tang import TangBinding, recover
from secure_compute.tpm import SealedInTpm, Tpm

KINDS: Final = frozenset({TPM, NETWORK})
_PATIENCE_S: Final = (5.0, 10.0)
_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
_MOST: Final = 65_536

Fetch = Callable[[str, str, bytes | None], bytes]
"""Asks a key server: method, address, body; its answer. Raises NetworkSlotRefused."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a slot did not open by itself.

    Args:
        slot_id: which.
        kind: its kind.
        sentence: what went wrong, Chinese first.
        way_out: what to do.
    """

    slot_id: str
    kind: str
    sentence: str
    way_out: str


class Unattended:
    """Tries what needs nobody.

    Args:
        tpm: the machine's.
        fetch: asks key servers.
        events: what the firmware measures, for the explanation.
    """

    def __init__(
        self, tpm: Tpm, fetch: Fetch | None = None, events: Callable[[], bytes] | None = None
    ) -> None:
        self.tpm = tpm
        self.fetch = fetch or ask_server
        self.events = events

    def opened(
        self, document: SealedRoot, notes: Mapping[str, SlotNote]
    ) -> tuple[tuple[Secret, Slot] | None, tuple[Refusal, ...]]:
        """The root key and the slot that gave it, or why none did."""
        refusals: list[Refusal] = []
        for slot in document.slots:
            if slot.kind not in KINDS:
                continue
            try:
                return self.open_slot(document, slot), tuple(refusals)
            except SecureComputeError as error:
                refusals.append(self._refusal(slot, error, notes.get(slot.slot_id, SlotNote())))
        return None, tuple(refusals)

    def open_slot(self, document: SealedRoot, slot: Slot) -> tuple[Secret, Slot]:
        """Open the root key with one slot.

        Raises:
            TpmPolicyFailed, TpmReplaced, TpmLockedOut, TpmUnavailable: the TPM does not give it.
            NetworkSlotRefused: the server does not help.
            WrongSecret: what it gave opens nothing.
        """
        only = SealedRoot(document.root_id, (slot,))
        return open_slot(only, self._opener(slot))

    def _opener(self, slot: Slot) -> Opener:
        if slot.kind == TPM:
            return Opener.found(TPM, self.tpm.unseal(SealedInTpm.parse(slot.kdf)))
        if slot.kind != NETWORK:
            raise NoSlotOpens
        address = str(slot.kdf["url"]).rstrip("/")

        def ask(key_id: str, key: Mapping[str, str]) -> bytes:
            return self.fetch("POST", f"{address}/rec/{key_id}", json.dumps(dict(key)).encode())

        return Opener.found(NETWORK, recover(TangBinding.parse(slot.kdf), ask))

    def _refusal(self, slot: Slot, error: SecureComputeError, note: SlotNote) -> Refusal:
        if isinstance(error, TpmPolicyFailed):
            error = self.explained(error, slot, note)
        return Refusal(slot.slot_id, slot.kind, error.sentence, error.way_out)

    def explained(self, error: TpmPolicyFailed, slot: Slot, note: SlotNote) -> TpmPolicyFailed:
        """The same refusal, with what the firmware's own log says has changed since it was sealed."""
        lines = changed_since(note.measured, SealedInTpm.parse(slot.kdf).pcrs, self.events)
        return TpmPolicyFailed(**{**error.facts, "changed": tuple(lines)})


def ask_server(
    method: str, address: str, body: bytes | None, patience: tuple[float, float] = _PATIENCE_S
) -> bytes:
    """Ask a key server inside the hospital; redirects and proxies are not followed.

    Args:
        method: GET or POST.
        address: where.
        body: a key, or None.
        patience: seconds that each step may take, and all of them together.

    Raises:
        NetworkSlotRefused: it cannot be reached, takes too long, or refuses.
    """
    where, late = address[:80], threading.Event()
    try:
        parts = urlsplit(address)
        where = f"{parts.hostname or ''}:{parts.port or _PORTS[parts.scheme]}"[:80]
        with _connected(parts, patience, late) as connection:
            connection.request(method, parts.path, body, {"Content-Type": "application/jwk+json"})
            answer = connection.getresponse()
            content = answer.read(_MOST + 1)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        if late.is_set():
            raise _too_slow(where) from error
        raise NetworkSlotRefused(
            reason_zh=f"{where} 无法连接", reason=f"{where} cannot be reached"
        ) from error
    if late.is_set():
        raise _too_slow(where)
    if answer.status != http.client.OK:
        raise NetworkSlotRefused(
            reason_zh=f"返回状态 {answer.status}", reason=f"it answered with status {answer.status}"
        )
    return content


def _too_slow(where: str) -> NetworkSlotRefused:
    return NetworkSlotRefused(
        reason_zh=f"{where} 应答太慢", reason=f"{where} takes too long to answer"
    )


@contextmanager
def _connected(
    parts: SplitResult, patience: tuple[float, float], late: threading.Event
) -> Iterator[http.client.HTTPConnection]:
    """A connection that ends when its time is over, however many bytes still drip in."""
    step, whole = patience
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    line: socket.socket = socket.create_connection((host, port), step)

    def end() -> None:
        late.set()
        with suppress(OSError):
            # Of the plain socket: a TLS one would have its state taken away under a reader.
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    clock = threading.Timer(whole, end)
    clock.daemon = True
    connection = http.client.HTTPConnection(host, port)
    try:
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, port)
            context = ssl.create_default_context()
            line = context.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)
        clock.start()
        if isinstance(line, ssl.SSLSocket):
            line.do_handshake()
        connection.sock = line
        yield connection
    finally:
        clock.cancel()
        connection.close()
        line.close()
