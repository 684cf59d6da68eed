"""What a sound machine has beyond its event log: a quote, IMA's list with its manifest, a TDX guest's log."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.firmware_checks.logs import agile_event, boot_log, expected
from tests.firmware_checks.seeds import attest, confidential_log, ima_binary

QUOTE = "capture/quote.json"
EVENT_LOG = "sys/kernel/security/tpm0/binary_bios_measurements"
IMA = "sys/kernel/security/ima/binary_runtime_measurements"
MANIFEST = "etc/wardbox/ima-manifest"
MAKERS = "etc/wardbox/tpm-makers"
CCEL = "sys/firmware/acpi/tables/data/CCEL"
RTMR = "sys/devices/virtual/misc/tdx_guest/measurements/rtmr{}:sha384"
PCR = "sys/class/tpm/tpm0/pcr-{}/{}"
NONCE = b"n" * 32
TRUE = hashlib.sha256(b"true").digest()


@cache
def attestation_key():
    return ec.derive_private_key(20261122, ec.SECP256R1())


def signed(data):
    """r and s, 32 bytes each."""
    der = attestation_key().sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return b"".join(part.to_bytes(32, "big") for part in utils.decode_dss_signature(der))


def point():
    return (
        attestation_key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )


@cache
def maker(name="Some Maker Root"):
    key = ec.derive_private_key(7, ec.SECP256R1())
    return key, _certificate(name, name, key.public_key(), key, ca=True)


@cache
def endorsement(days=3650, issuer="Some Maker Root"):
    key, _ = maker(issuer)
    public = ec.derive_private_key(8, ec.SECP256R1()).public_key()
    made = _certificate("TPM", issuer, public, key, ca=False, days=days)
    return made.public_bytes(Encoding.DER)


def _certificate(subject, issuer, public, key, *, ca, days=36500):
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    begins = datetime(2020, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public)
        .serial_number(1000)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def quote_fields(*, nonce=NONCE, pcrs=range(8), locality=0, **changes):
    values = expected(0x000B, locality=locality)
    digest = hashlib.sha256(b"".join(bytes.fromhex(values[pcr]) for pcr in range(8))).digest()
    attested = attest(nonce, pcrs, digest)
    fields = {
        "nonce": NONCE.hex(),
        "attested": attested.hex(),
        "signature": signed(attested).hex(),
        "public": point().hex(),
        "endorsement": endorsement(36500).hex(),
        "bound": True,
    }
    return {**fields, **changes}


def quote(**changes):
    return lambda machine: machine.put(QUOTE, json.dumps(quote_fields(**changes)))


def aggregate(size=10):
    values = expected(0x000B)
    whole = b"".join(bytes.fromhex(values.get(pcr, "00" * 32)) for pcr in range(size))
    return hashlib.sha256(whole).digest()


def ima_list(*more):
    return ima_binary((b"boot_aggregate", aggregate()), (b"/usr/bin/true", TRUE), *more)


def ima_register(bank, data):
    """PCR 10 as the list leads to it, reckoned here."""
    size = hashlib.new(bank).digest_size
    value = bytes(size)
    for digest in _template_digests(bank, data):
        value = hashlib.new(bank, value + digest).digest()
    return value.hex()


def _template_digests(bank, data):
    at = 0
    while at < len(data):
        at += 24
        at += 4 + int.from_bytes(data[at : at + 4], "little")
        size = int.from_bytes(data[at : at + 4], "little")
        yield hashlib.new(bank, data[at + 4 : at + 4 + size]).digest()
        at += 4 + size


def ran(*more):
    """A machine on which this ran too, with the registers that follow."""

    def change(machine):
        data = ima_list(*more)
        machine.put(IMA, data)
        for bank in ("sha1", "sha256"):
            machine.put(PCR.format(bank, 10), ima_register(bank, data) + "\n")

    return change


def vouched(machine):
    """Adds all of it to a machine whose registers and event log are sound."""
    quote()(machine)
    machine.put(f"{MAKERS}/maker.pem", maker()[1].public_bytes(Encoding.PEM))
    ran()(machine)
    machine.put(MANIFEST, f"{TRUE.hex()}  /usr/bin/true\n")
    log, registers = confidential_log()
    machine.put(CCEL, log + b"\xff" * 64)
    for number, value in registers.items():
        machine.put(RTMR.format(number), bytes.fromhex(value))


def _without(*paths):
    return lambda machine: [machine.drop(path) for path in paths]


def _put(path, content):
    return lambda machine: machine.put(path, content)


def _changed_entry(machine):
    data = bytearray(ima_list())
    data[-3] ^= 1
    machine.put(IMA, bytes(data))


FAILURES = {
    "tpm.quote": [
        quote(nonce=b"m" * 32),
        quote(signature="00" * 64),
        quote(public="04" + "00" * 64),
        quote(pcrs=range(7)),
        quote(attested="ff" * 30),
        _put(EVENT_LOG, boot_log(app=b"evil shim")),
        _put(EVENT_LOG, boot_log(locality=3)),
    ],
    "tpm.maker": [
        quote(bound=False),
        quote(endorsement="3000"),
        quote(endorsement=endorsement(100).hex()),
    ],
    "ima.replays": [
        _changed_entry,
        lambda m: m.put(PCR.format("sha256", 10), "ab" * 32 + "\n"),
        _put(IMA, ima_list((b"/tmp/evil", b"\2" * 32))),
        lambda machine: _of_another_boot(machine),  # noqa: PLW0108 - defined below
    ],
    "ima.known-programs": [ran((b"/tmp/evil", b"\2" * 32)), ran((b"/usr/bin/true", b"\2" * 32))],
    "tdx.event-log": [
        _put(RTMR.format(0), bytes(48)),
        _put(CCEL, confidential_log()[0] + agile_event(3, 13, b"more", (0x000C,))),
    ],
}
HIDDEN = {
    "tpm.quote": [_without(QUOTE), _without(EVENT_LOG), _put(QUOTE, "{}"), _put(QUOTE, "nonsense")],
    "tpm.maker": [_without(QUOTE), _without(MAKERS), quote(endorsement="")],
    "ima.replays": [
        _without(IMA),
        _put(IMA, b"garbage"),
        _without(PCR.format("sha1", 10), PCR.format("sha256", 10)),
        _without("sys/class/tpm"),
    ],
    "ima.known-programs": [_without(IMA), _without(MANIFEST), _put(MANIFEST, "no digest\n")],
    "tdx.event-log": [
        _without(CCEL, "proc/cpuinfo"),
        _without(RTMR.format(2)),
        _put(RTMR.format(1), b"short"),
        _put(CCEL, boot_log()),
    ],
}


def _of_another_boot(machine):
    """A list that replays, of a boot with other firmware registers."""
    data = ima_binary((b"boot_aggregate", b"\7" * 32), (b"/usr/bin/true", TRUE))
    machine.put(IMA, data)
    for bank in ("sha1", "sha256"):
        machine.put(PCR.format(bank, 10), ima_register(bank, data) + "\n")
