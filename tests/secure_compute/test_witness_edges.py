"""The witness's program where disks refuse and sticks hold scribble; TPMs and guards that answer oddly."""

import contextlib
import io
import os
import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from secure_compute import guard, peers, stream, tpm, tpm_cosigner
from secure_compute.certificates import Credential, make_authority
from secure_compute.errors import CertificateRefused, SealMalformed
from secure_compute.note import Checkpoint, Note, NoteKey, cosign_note
from secure_compute.secret import Secret
from secure_compute.signing import SigningKey
from secure_compute.slot_errors import TpmLockedOut, TpmPolicyFailed
from secure_compute.verifier.notes import WITNESS_KIND, parse_key
from secure_compute.verifier.reading import Refused, Unreadable
from secure_compute.witness import memory_file, program, stick

BOX = SigningKey.from_seed(b"b" * 32)
OWN = SigningKey.from_seed(b"o" * 32)
LOG = NoteKey("wardbox/test", BOX.verify_key)
KEY = parse_key(NoteKey("w", OWN.verify_key, 4).vkey, WITNESS_KIND)


def cosigned(size: int) -> bytes:
    note = Checkpoint(LOG.name, size, bytes([size]) * 32).sign(BOX)
    return cosign_note(note, "w", OWN, 1_700_000_000).to_bytes()


def test_the_largest_tree_on_a_stick_counts_whatever_else_lies_there(tmp_path):
    box = parse_key(LOG.vkey)
    for size, content in ((3, cosigned(3)), (9, cosigned(9)), (5, cosigned(5)), (11, b"scribble")):
        name = f"cosigned-{size:020d}-{KEY.key_id.hex()}.txt"
        (tmp_path / name).write_bytes(content)
    uncosigned = Note(Note.parse(cosigned(12)).text, Note.parse(cosigned(12)).signatures[:1])
    lone = tmp_path / f"cosigned-{12:020d}-{KEY.key_id.hex()}.txt"
    lone.write_bytes(uncosigned.to_bytes())
    (tmp_path / "notes.txt").write_text("x")
    assert stick.largest_cosigned(tmp_path, box, KEY).size == 9


def test_a_stick_that_holds_too_many_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(stick, "MOST_AGAIN", 3)
    assert stick.lay_down(tmp_path, 5, KEY, b"one\n").endswith(".txt")
    assert stick.lay_down(tmp_path, 5, KEY, b"one\n").endswith(".txt")
    assert stick.lay_down(tmp_path, 5, KEY, b"two\n").endswith("-2.txt")
    with pytest.raises(Refused, match="too many"):
        stick.lay_down(tmp_path, 5, KEY, b"three\n")


def test_places_that_take_nothing(tmp_path, monkeypatch):
    nowhere = tmp_path / "none" / "own.json"
    with pytest.raises(Unreadable, match="cannot be written"):
        memory_file.make_own(nowhere, "w")
    with pytest.raises(Unreadable, match="cannot be written"), memory_file.alone(nowhere):
        pass
    made = memory_file.make_own(tmp_path / "own.json", "w")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unreadable, match="cannot be written"):
        memory_file.save(tmp_path / "own.json", made)


def test_every_box_on_a_stick_is_tried_and_the_first_fault_told(tmp_path, monkeypatch, capsys):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    monkeypatch.setattr(program, "folders_of", lambda _: folders)
    monkeypatch.setattr(program, "alone", lambda _: contextlib.nullcontext())

    def judged(_, folder, __):
        if folder.name == "a":
            return "a: cosigned"
        if folder.name == "b":
            raise OSError(5, "I/O error")
        raise Refused("坏", "c is bad")

    monkeypatch.setattr(program, "cosign_box", judged)
    with pytest.raises(Unreadable, match="b cannot be read"):
        program.cosign(tmp_path, tmp_path, lambda: 0.0)
    said = capsys.readouterr()
    assert "a: cosigned" in said.out
    assert "c is bad" in said.err


def test_an_offer_that_does_not_grow_out_of_the_past(monkeypatch):
    own = memory_file.Own(KEY, b"o" * 32, {LOG.name: memory_file.Known(parse_key(LOG.vkey), b"")})
    monkeypatch.setattr(program, "grew", lambda *_: False)
    chosen = (stick.Offered("x", 3, [], b""), memory_file.Head(9, bytes(32)))
    with pytest.raises(Refused, match="does not continue the 3 entries"):
        program.accept(own, LOG.name, memory_file.Head(3, bytes(32)), chosen, 0)


def test_it_runs_as_a_program(tmp_path, monkeypatch, capsys):
    words = ["witness.py", "--key", str(tmp_path / "own.json"), "init", "--name", "w"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.delitem(sys.modules, "secure_compute.witness.program")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("secure_compute.witness.program", run_name="__main__")
    assert caught.value.code == 0
    assert "witness key  w+" in capsys.readouterr().out


def test_a_guarded_process_leaves_no_core(monkeypatch):
    told = []
    monkeypatch.setattr(guard, "_prctl", lambda option, value: told.append((option, value)) or 0)
    monkeypatch.setattr(guard.resource, "setrlimit", lambda *limit: told.append(limit))
    monkeypatch.setattr(guard.resource, "getrlimit", lambda _: (0, 5))
    assert guard.guard()
    assert (guard.resource.RLIMIT_CORE, (0, 5)) in told
    with guard.readable():
        assert told[-1][1] == 1
    program_text = "from secure_compute.guard import guard; print(guard())"
    done = subprocess.run([sys.executable, "-c", program_text], capture_output=True, check=True)
    assert done.stdout == b"True\n"


def test_what_this_process_is_guarded_by_is_asked_of_the_kernel():
    soft, _ = guard.resource.getrlimit(guard.resource.RLIMIT_CORE)
    assert guard.leaves_no_core() == (soft == 0)
    before = guard.dumpable()
    with guard.readable():
        assert guard.dumpable()
        assert not guard.guarded()
    assert guard.dumpable() == before


def test_peers_with_keys_that_are_none():
    now = datetime(2026, 3, 1, tzinfo=UTC)
    authority = make_authority("cluster", now)
    other = ed25519.Ed25519PrivateKey.generate()
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    odd = Credential(authority.certificate_pem, pem)
    calls = (
        lambda: peers.issue_peer(odd, "10.0.0.1", b"", now),
        lambda: peers.issue_peer(authority, "10.0.0.1", b"", now + timedelta(days=9999)),
        lambda: peers.sign_as_peer(odd, b"m"),
    )
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x")])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    made = made.public_key(other.public_key()).serial_number(5).not_valid_before(now)
    der = made.not_valid_after(now + timedelta(days=9)).sign(other, None).public_bytes(Encoding.DER)
    calls += (lambda: peers.check_peer_signature(der, b"s", b"m"),)
    for call in calls:
        with pytest.raises(CertificateRefused):
            call()
    assert peers.belongs(authority.certificate_pem, authority.key_pem)
    assert not peers.belongs(authority.certificate_pem, pem)
    assert not peers.belongs(b"none", b"none")


def test_a_stream_has_an_end_however_long_it_is(monkeypatch):
    monkeypatch.setattr(stream, "_MAX_CHUNKS", 2)
    key = stream.StreamKey(Secret(bytes(32)), "k")
    writer = stream.SealedWriter(io.BytesIO(), key)
    writer.write(bytes(2 * stream.CHUNK))
    with pytest.raises(SealMalformed, match="4 PiB"):
        writer.write(bytes(stream.CHUNK + 1))


def test_a_tpm_s_refusals_are_told_apart():
    assert isinstance(tpm._told(tpm._RC_LOCKOUT), TpmLockedOut)
    assert isinstance(tpm._changed({7: "a"}, {7: "b"}), TpmPolicyFailed)


def test_a_counter_that_cannot_be_begun_is_taken_away_again(monkeypatch):
    undone = []
    chip = tpm_cosigner.TpmCosigner(tpm.Tpm("none"), lambda: Secret(bytes(32)))

    @contextlib.contextmanager
    def root_key():
        yield None, "this"

    opened = SimpleNamespace(root_key=root_key)
    chip._tpm = SimpleNamespace(ask=lambda work: work(opened))
    monkeypatch.setattr(chip, "_define", lambda _: 5)
    monkeypatch.setattr(chip, "_undefine", lambda _, index: undone.append(index))

    def refuse(*_):
        raise RuntimeError("power")

    monkeypatch.setattr(chip, "_create", refuse)
    with pytest.raises(RuntimeError, match="power"):
        chip.make()
    assert undone == [5]
    chip.forget(SimpleNamespace(parent="another", index=5))
    assert undone == [5]
    chip.forget(SimpleNamespace(parent="this", index=6))
    assert undone == [5, 6]


class TssError(Exception):
    """What the TPM's library raises."""

    def __init__(self, rc: int) -> None:
        super().__init__(rc)
        self.rc = rc


def test_what_a_tpm_says_otherwise_is_passed_on(monkeypatch):
    def refuse(*_, **__):
        raise TssError(0x902)

    chip = tpm_cosigner.TpmCosigner(tpm.Tpm("none"), lambda: Secret(bytes(32)))
    tss = SimpleNamespace(
        TSS2_Exception=TssError,
        TPM2B_PRIVATE=SimpleNamespace(unmarshal=lambda _: [None]),
        TPM2B_PUBLIC=SimpleNamespace(unmarshal=lambda _: [None]),
        TPM2_SE=SimpleNamespace(HMAC=0, POLICY=1),
    )
    opened = SimpleNamespace(tss=tss, esapi=SimpleNamespace(tr_from_tpmpublic=refuse))
    with pytest.raises(TssError), chip._opened_index(opened, 5):
        pass
    flushed = []
    esapi = SimpleNamespace(
        load=lambda *_, **__: "item", policy_pcr=refuse, flush_context=flushed.append
    )
    monkeypatch.setattr(tpm, "_selection", lambda numbers: numbers)
    fake = SimpleNamespace(
        tss=tss,
        esapi=esapi,
        root_key=lambda: contextlib.nullcontext((None, "this")),
        session=lambda *_: contextlib.nullcontext(None),
    )
    sealed = tpm.SealedInTpm(b"", b"", "this", {7: "ab" * 32})
    with pytest.raises(TssError):
        tpm.OpenTpm.unseal(fake, sealed)
    assert flushed == ["item"]
