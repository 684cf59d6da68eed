"""Facts of the measured boot: a quote, IMA's list, and a confidential guest's log."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_checks.eventlog.document import ReplayedLog
from firmware_checks.ima.policy import Manifest
from firmware_checks.ima.templates import ImaEntry
from firmware_checks.quote.chain import Endorsement
from firmware_checks.quote.verify import Quote
from firmware_checks.reading import Reading


@dataclass(frozen=True, slots=True)
class QuoteFacts:
    """A quote over a fresh nonce, and how the certificate behind the TPM stands."""

    quote: Quote
    endorsement: Reading[Endorsement]


@dataclass(frozen=True, slots=True)
class ImaFacts:
    """IMA's list, PCR 10 while the list stood so, and the manifest of what may run.

    `held` maps banks to lower-case hexadecimal; it is read beside the list, since both grow with
    every program that starts.
    """

    entries: tuple[ImaEntry, ...]
    held: Reading[Mapping[str, str]]
    manifest: Reading[Manifest]


@dataclass(frozen=True, slots=True)
class ConfidentialFacts:
    """The event log of a confidential guest, and its registers as the module tells them, RTMR -> hex."""

    log: ReplayedLog
    registers: Reading[Mapping[int, str]]
