"""What GPUs sign: NVIDIA's own files as they were published, and files that somebody changed."""

import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_checks.attestation.canonical import canonical, read
from firmware_checks.attestation.chain import from_der, from_pem, leads_to, signed_by
from firmware_checks.attestation.evidence import Attested, Rejected, attested, differing
from firmware_checks.attestation.manifest import verified
from firmware_checks.attestation.spdm import parse, vbios_version
from firmware_checks.errors import EvidenceMalformed, EvidenceRefused
from tests.firmware_checks.gpu_evidence import SOUND, Maker, manifest, other, report, value

DATA = Path(os.environ.get("WARDBOX_DATA", Path(__file__).parents[3] / "shared"))
NVIDIA = DATA / "fixtures/nvidia-gpu"
published = pytest.mark.skipif(not NVIDIA.is_dir(), reason="NVIDIA's published files are not here")


@published
def test_every_published_manifest_verifies_and_no_other_root_does():
    files = sorted(NVIDIA.glob("*.swidtag"))
    assert len(files) > 5
    for file in files:
        found = verified(file.read_bytes())
        compact = found.version.replace(".", "").upper()
        assert compact in file.name
        assert found.product == "GH100"
        assert len(found.values) == 12
    with pytest.raises(EvidenceRefused, match="root"):
        verified(files[0].read_bytes(), SOUND.roots)


@published
def test_the_published_report_holds_and_names_what_runs():
    raw = bytes.fromhex((NVIDIA / "hopperAttestationReport.txt").read_text().strip())
    chain = (NVIDIA / "hopperCertChain.txt").read_bytes()
    found = attested(raw, chain, None)
    assert isinstance(found, Attested)
    assert (found.driver, found.vbios) == ("550.90.07", "96.00.9F.00.01")
    assert len(found.measurements) == 63
    manifests = [verified(file.read_bytes()) for file in NVIDIA.glob("*.swidtag")]
    # Of another VBIOS: what belongs to the version differs, what all versions share does not.
    assert {differing(found, one) for one in manifests} == {(1, 2, 9, 11)}
    nonce = raw[4:36]
    assert isinstance(attested(raw, chain, nonce), Attested)
    assert attested(raw, chain, bytes(32)) == Rejected("the report answers another nonce")


@published
@pytest.mark.parametrize("place", [5, 60, 2000, 3600, 4100])
def test_a_published_report_with_one_bit_changed_does_not_hold(place):
    raw = bytearray(bytes.fromhex((NVIDIA / "hopperAttestationReport.txt").read_text().strip()))
    raw[place] ^= 1
    chain = (NVIDIA / "hopperCertChain.txt").read_bytes()
    with suppress(EvidenceMalformed):
        assert isinstance(attested(bytes(raw), chain, None), Rejected)


@published
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'active="False"', b'active="True"'),
        (b"GH100", b"GB100"),
        (b"c3f65ef7", b"c3f65ef8"),
        (b"</ns0:Payload>\n", b"</ns0:Payload>"),
        (b"xml-c14n11", b"xml-c14n12"),
        (b'URI=""', b'URI="#x"'),
        (b"D3Bc48", b"D3Bc49"),
        (b"s5JY0M", b"s5JY0N"),
    ],
)
def test_a_published_manifest_that_was_changed_does_not_hold(old, new):
    data = (NVIDIA / "1010_0200_882_96005E0001_PROD.swidtag").read_bytes()
    assert old in data
    with pytest.raises((EvidenceRefused, EvidenceMalformed)):
        verified(data.replace(old, new, 1))


@published
def test_a_comment_changes_nothing_and_a_document_type_is_refused():
    data = (NVIDIA / "1010_0200_882_96005E0001_PROD.swidtag").read_bytes()
    assert verified(data.replace(b"<ns0:Payload", b"<!-- note --><ns0:Payload", 1)).product
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + data
    with pytest.raises(EvidenceMalformed, match="document type"):
        verified(bomb)
    with pytest.raises(EvidenceMalformed, match="instruction"):
        verified(b"<?php evil ?>" + data)


def test_own_evidence_holds_and_differs_where_it_should():
    found = attested(report(SOUND), SOUND.pem, bytes(32), SOUND.roots)
    assert isinstance(found, Attested)
    assert found.vbios == "96.00.74.00.01"
    one = verified(manifest(SOUND, found.vbios, {0: value(0), 1: value(3)}), SOUND.roots)
    assert differing(found, one) == (1,)
    # With its decoder on, measurement 35 counts.
    loud = attested(report(SOUND, decoder=0xAA), SOUND.pem, None, SOUND.roots)
    assert isinstance(loud, Attested)


def test_evidence_of_somebody_else_is_rejected():
    stranger = other()
    for raw, chain, reason in (
        (report(stranger), SOUND.pem, "signature of the report"),
        (report(stranger), stranger.pem, "NVIDIA's root"),
        (report(SOUND), SOUND.pem.replace(b"\n", b"\r\n")[:-400] + stranger.pem, "chain"),
        (report(SOUND, nonce=b"n" * 32), SOUND.pem, "another nonce"),
    ):
        found = attested(raw, chain, bytes(32), SOUND.roots)
        assert isinstance(found, Rejected)
        assert reason in found.reason
    with pytest.raises(EvidenceRefused, match="signature of the manifest"):
        verified(manifest(SOUND, "1", {0: value(0)}, signer=stranger.key), SOUND.roots)


def test_a_root_that_may_not_issue_vouches_for_nobody():
    weak = Maker(issuer_may_issue=False)
    found = attested(report(weak), weak.pem, None, weak.roots)
    assert found == Rejected("a certificate of the chain may not issue others")


def test_certificates_are_bounded():
    for data in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", b"x" * 99):
        with pytest.raises(EvidenceMalformed):
            from_pem(data)
    with pytest.raises(EvidenceMalformed):
        from_pem(SOUND.pem * 6)
    with pytest.raises(EvidenceMalformed):
        from_der([b"\x30\x03\x02\x01\x01"])
    assert not signed_by(leads_to(from_der(SOUND.der), SOUND.roots), b"short", b"")


def test_reports_that_are_cut_off_anywhere_are_refused():
    whole = report(SOUND)
    for end in range(0, len(whole) - 1, 7):
        with pytest.raises(EvidenceMalformed):
            parse(whole[:end])
    with pytest.raises(EvidenceMalformed, match="too large"):
        parse(whole + bytes(0x2000))
    with pytest.raises(EvidenceMalformed, match="behind"):
        parse(whole + b"x")


def test_a_measurement_that_stands_twice_is_refused():
    whole = bytearray(report(SOUND))
    second = whole.index(struct.pack("<BBH", 2, 1, 51))
    whole[second] = 1
    with pytest.raises(EvidenceMalformed, match="block 1"):
        parse(bytes(whole))


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_random_reports_and_manifests_raise_only_refusals(data):
    for read_it in (parse, lambda found: verified(found, SOUND.roots)):
        with pytest.raises((EvidenceMalformed, EvidenceRefused)):
            read_it(data)


def test_versions_of_vbios():
    assert vbios_version(bytes.fromhex("009f009601000000")) == "96.00.9F.00.01"
    with pytest.raises(EvidenceMalformed):
        vbios_version(b"")


# Expected forms reckoned by hand from Canonical XML 1.1, sections 2.3 and 3.
@pytest.mark.parametrize(
    ("document", "form"),
    [
        (b"<a/>", b"<a></a>"),
        (b'<a  z="1" b="2" />', b'<a b="2" z="1"></a>'),
        (
            b'<a xmlns:z="u" xmlns="v" z:q="1" y="2"><b xmlns="v"/><z:c/></a>',
            b'<a xmlns="v" xmlns:z="u" y="2" z:q="1"><b></b><z:c></z:c></a>',
        ),
        (b"<a>&lt;&amp;&gt;<![CDATA[<x>]]></a>", b"<a>&lt;&amp;&gt;&lt;x&gt;</a>"),
        (b"<a b='&quot;&#9;&#10;&lt;'/>", b'<a b="&quot;&#x9;&#xA;&lt;"></a>'),
        (b"<a>\r\n\t</a>", b"<a>\n\t</a>"),
        (b"<a>&#13;</a>", b"<a>&#xD;</a>"),
        (b'<a xmlns="u"><b xmlns=""/></a>', b'<a xmlns="u"><b xmlns=""></b></a>'),
    ],
)
def test_the_canonical_form(document, form):
    assert canonical(read(document)) == form


def test_an_apex_shows_what_is_in_scope():
    root = read(b'<a xmlns="u" xmlns:s="v"><s:b/></a>')
    inner = root.content[0]
    assert canonical(inner, inherited=root.declared) == b'<s:b xmlns="u" xmlns:s="v"></s:b>'
    assert canonical(root, without=inner) == b'<a xmlns="u" xmlns:s="v"></a>'


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<x:a/>",
        b'<a xml:lang="zh"/>',
        b"<a>" * 40 + b"</a>" * 40,
        b"<a>" + b"<b/>" * 5000 + b"</a>",
        b"<a>" + b" " * (1 << 20) + b"</a>",
        b"\xff\xfe",
    ],
)
def test_xml_that_no_manifest_needs_is_refused(document):
    with pytest.raises(EvidenceMalformed):
        read(document)
