"""Evidence of a GPU made by a maker of our own: certificates, an SPDM report, signed manifests."""

import base64
import hashlib
import struct
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from firmware_checks.attestation.canonical import canonical, read

DAY = datetime(2026, 1, 1, tzinfo=UTC)
DSIG = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
C14N = "http://www.w3.org/2006/12/xml-c14n11"
SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"


def raw(key, data):
    """ECDSA over P-384 with SHA-384 as two numbers of 48 bytes."""
    first, second = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA384())))
    return first.to_bytes(48) + second.to_bytes(48)


def certificate(name, key, issuer, issuer_key, *, ca=True):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(DAY)
        .not_valid_after(DAY + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA384())


class Maker:
    """A root and one key below it that signs."""

    def __init__(self, *, issuer_may_issue=True):
        self.root_key = ec.generate_private_key(ec.SECP384R1())
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.root = certificate("root", self.root_key, "root", self.root_key, ca=issuer_may_issue)
        self.leaf = certificate("leaf", self.key, "root", self.root_key, ca=False)

    @property
    def roots(self):
        return frozenset({self.root.fingerprint(hashes.SHA256()).hex()})

    @property
    def pem(self):
        form = serialization.Encoding.PEM
        return self.leaf.public_bytes(form) + self.root.public_bytes(form)

    @property
    def der(self):
        form = serialization.Encoding.DER
        return [self.leaf.public_bytes(form), self.root.public_bytes(form)]

    def files(self):
        """A captured GPU and the manifests of its VBIOS and driver."""
        folder = "etc/wardbox/gpu-manifests"
        return {
            "capture/gpu-attestation/0.report": report(self),
            "capture/gpu-attestation/0.pem": self.pem,
            f"{folder}/vbios.swidtag": manifest(self, "96.00.74.00.01", {1: value(1)}),
            f"{folder}/driver.swidtag": manifest(self, "550.54.15", {0: value(0), 35: "0" * 96}),
        }


def value(index):
    return hashlib.sha384(bytes([index])).hexdigest()


def report(maker, *, values=None, nonce=bytes(32), decoder=0x55, extra=b""):
    """Request and response; block n+1 holds value n; VBIOS 96.00.74.00.01, driver 550.54.15."""
    found_values = values or (value(0), value(1))
    request = b"\x11\xe0\x01\xff" + nonce + b"\0"
    blocks = b"".join(
        struct.pack("<BBHBH", number, 1, 51, 1, 48) + bytes.fromhex(found)
        for number, found in enumerate(found_values, 1)
    )
    fields = {3: b"550.54.15\0", 6: bytes.fromhex("0074009601000000"), 11: bytes([decoder])}
    opaque = b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in fields.items())
    length = struct.pack("<I", len(blocks))[:3]
    response = b"\x11\x60\0\0" + bytes([len(found_values)]) + length + blocks + bytes(32)
    signed = request + response + struct.pack("<H", len(opaque)) + opaque + extra
    return signed + raw(maker.key, signed)


def manifest(maker, version, values, *, signer=None):
    """A SWID tag with these values, signed as NVIDIA signs."""
    resources = "".join(
        f'<s:Resource type="Measurement" index="{index}" active="True" alternatives="1"'
        f' h:Hash0="{found}" name="M{index}" size="48"/>'
        for index, found in values.items()
    )
    body = (
        f'<SoftwareIdentity xmlns="{SWID}" xmlns:s="{SWID}"'
        ' xmlns:h="http://www.w3.org/2001/04/xmlenc#sha384" name="GH100">\n'
        f'<s:Meta colloquialVersion="{version}" product="GH100"/>\n'
        f"<s:Payload>{resources}</s:Payload>\n"
    )
    end = "</SoftwareIdentity>"
    digest = hashlib.sha384(canonical(read((body + end).encode()))).digest()
    information = (
        f'<ds:SignedInfo xmlns:ds="{DSIG}"><ds:CanonicalizationMethod Algorithm="{C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{MORE}ecdsa-sha384"/><ds:Reference URI="">'
        f'<ds:Transforms><ds:Transform Algorithm="{DSIG}enveloped-signature"/>'
        f'<ds:Transform Algorithm="{C14N}"/></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{MORE}sha384"/>'
        f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue>"
        "</ds:Reference></ds:SignedInfo>"
    )
    scope = {"": SWID, "s": SWID, "h": "http://www.w3.org/2001/04/xmlenc#sha384"}
    signed = canonical(read(information.encode()), inherited=scope)
    key = maker.key if signer is None else signer
    chain = "".join(
        f"<ds:X509Certificate>{base64.b64encode(one).decode()}</ds:X509Certificate>"
        for one in maker.der
    )
    signature = base64.b64encode(raw(key, signed)).decode()
    return (
        f'{body}<ds:Signature xmlns:ds="{DSIG}">{information}'
        f"<ds:SignatureValue>{signature}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{chain}</ds:X509Data></ds:KeyInfo></ds:Signature>{end}\n"
    ).encode()


@cache
def other():
    """A maker that nobody trusts."""
    return Maker()


SOUND = Maker()
