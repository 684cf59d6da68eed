"""Observes the measured boot: a quote of the TPM, IMA's list, and the log of a confidential guest."""

import json
from binascii import Error as NotHex
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from firmware_checks.errors import FirmwareError
from firmware_checks.eventlog.algorithms import ALGORITHMS
from firmware_checks.eventlog.document import read_log
from firmware_checks.eventlog.parser import MAX_BYTES
from firmware_checks.ima import listing
from firmware_checks.ima import policy as manifests
from firmware_checks.ima.policy import Manifest
from firmware_checks.ima.replay import IMA_PCR
from firmware_checks.measured_facts import ConfidentialFacts, ImaFacts, QuoteFacts
from firmware_checks.probes.tree import Tree
from firmware_checks.quote.chain import endorsement
from firmware_checks.quote.chip import DEVICE, take_quote
from firmware_checks.quote.errors import QuoteUnavailable
from firmware_checks.quote.verify import Quote
from firmware_checks.reading import Reading, Reason, Unread

MANIFEST: Final = "/etc/wardbox/ima-manifest"
ENDORSED_SECONDS: Final = 3.0
MAKERS: Final = "/etc/wardbox/tpm-makers"
_CAPTURED: Final = "/capture/quote.json"
_TPM: Final = "/dev/tpmrm0"
_EK: Final = "EK certificate"
_IMA: Final = "/sys/kernel/security/ima/binary_runtime_measurements"
_BANKS: Final = "/sys/class/tpm/tpm0"
_TRIES: Final = 3
_CCEL: Final = "/sys/firmware/acpi/tables/data/CCEL"
_RTMRS: Final = "/sys/devices/virtual/misc/tdx_guest/measurements"
_RTMR_BYTES: Final = 48
_MAX_MAKERS: Final = 256


def quote(tree: Tree) -> Reading[QuoteFacts]:
    """A quote over a fresh nonce; of a captured machine the one that capture/quote.json keeps."""
    if tree.live:
        return _live(tree)
    taken = _captured(tree)
    return taken if isinstance(taken, Unread) else _vouched(tree, taken)


def _vouched(tree: Tree, taken: Quote) -> QuoteFacts:
    return QuoteFacts(taken, endorsement(taken.endorsement, _makers(tree), datetime.now(UTC)))


def _live(tree: Tree) -> Reading[QuoteFacts]:
    """A quote at once, then one with the maker's certificate, which slow chips need seconds for."""
    if not tree.exists(_TPM):
        # Without the device its library need not be loaded.
        return Unread(Reason.ABSENT, _TPM)
    try:
        quick = take_quote(DEVICE, endorse=False)
    except QuoteUnavailable as error:
        return Unread(Reason.UNSUPPORTED, _TPM, str(error.facts["reason"]))
    whole = _within(ENDORSED_SECONDS, lambda: take_quote(DEVICE))
    if isinstance(whole, Unread):
        return QuoteFacts(quick, whole)
    return _vouched(tree, whole)


def _within(seconds: float, take: Callable[[], Quote]) -> Reading[Quote]:
    """What `take` returns, unless it takes longer: then its thread is left to itself."""
    answers: SimpleQueue[Reading[Quote]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(take())
        except QuoteUnavailable as error:
            answers.put(Unread(Reason.UNSUPPORTED, _EK, str(error.facts["reason"])))

    Thread(target=run, name="endorsement", daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return Unread(Reason.TIMED_OUT, _EK, f"no answer within {seconds:g} s")


def _captured(tree: Tree) -> Reading[Quote]:
    text = tree.text(_CAPTURED)
    if isinstance(text, Unread):
        return text
    try:
        return _quote(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError, NotHex, RecursionError) as error:
        return Unread(Reason.MALFORMED, _CAPTURED, type(error).__name__)


def _quote(fields: Mapping[str, Any]) -> Quote:
    nonce, attested, signature, public, certificate = (
        bytes.fromhex(fields[name])
        for name in ("nonce", "attested", "signature", "public", "endorsement")
    )
    bound = fields["bound"] is True
    return Quote(nonce, attested, signature, public, certificate, bound)


def _makers(tree: Tree) -> tuple[bytes, ...]:
    names = tree.names(MAKERS)
    if isinstance(names, Unread):
        return ()
    files = [tree.data(f"{MAKERS}/{name}") for name in names if name.endswith(".pem")]
    return tuple(data for data in files[:_MAX_MAKERS] if not isinstance(data, Unread))


def ima(tree: Tree) -> Reading[ImaFacts]:
    """IMA's list, and the manifest of what may run where there is one."""
    data, held = _moment(tree)
    if isinstance(data, Unread):
        return data
    try:
        return ImaFacts(listing.parse(data), held, _manifest(tree))
    except FirmwareError as error:
        return Unread(Reason.MALFORMED, _IMA, error.en.format(**error.facts))


def _moment(tree: Tree) -> tuple[Reading[bytes], Reading[dict[str, str]]]:
    """The list and PCR 10 of one moment: a program that starts meanwhile makes both grow."""
    held = _register(tree)
    data = tree.data(_IMA, listing.MAX_BYTES)
    for _ in range(_TRIES):
        again = _register(tree)
        if again == held:
            return data, held
        held, data = again, tree.data(_IMA, listing.MAX_BYTES)
    return data, Unread(Reason.FAILED, "PCR 10", "it grew at every look")


def _register(tree: Tree) -> Reading[dict[str, str]]:
    found: dict[str, str] = {}
    for algorithm in ALGORITHMS:
        value = tree.text(f"{_BANKS}/pcr-{algorithm.bank.lower()}/{IMA_PCR}")
        if not isinstance(value, Unread):
            found[algorithm.bank] = value.strip().lower()
        elif value.reason is not Reason.ABSENT:
            return value
    return found or Unread(Reason.ABSENT, f"{_BANKS}/pcr-*/{IMA_PCR}")


def _manifest(tree: Tree) -> Reading[Manifest]:
    data = tree.data(MANIFEST, manifests.MAX_BYTES)
    if isinstance(data, Unread):
        return data
    try:
        return manifests.read_manifest(data)
    except FirmwareError as error:
        return Unread(Reason.MALFORMED, MANIFEST, str(error.facts["reason"]))


def confidential(tree: Tree) -> Reading[ConfidentialFacts]:
    """The event log of a TDX guest (ACPI table CCEL), and its registers (Linux 6.16 and later)."""
    data = tree.data(_CCEL, MAX_BYTES)
    if isinstance(data, Unread):
        return data
    try:
        read = read_log(data, confidential=True)
    except FirmwareError as error:
        return Unread(Reason.MALFORMED, _CCEL, error.en.format(**error.facts))
    return ConfidentialFacts(read, _rtmrs(tree))


def _rtmrs(tree: Tree) -> Reading[dict[int, str]]:
    found: dict[int, str] = {}
    for number in range(4):
        path = f"{_RTMRS}/rtmr{number}:sha384"
        data = tree.data(path, _RTMR_BYTES)
        if isinstance(data, Unread):
            return data
        if len(data) != _RTMR_BYTES:
            return Unread(Reason.MALFORMED, path, "not 48 bytes")
        found[number] = data.hex()
    return found
