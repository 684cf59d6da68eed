"""Applying sticks: what goes right, what is kept, what is recorded, what comes back after a failure."""

import shutil
from datetime import timedelta
from hashlib import sha256

import pytest

from appliance.errors import ApplianceError, AuditUnavailable
from appliance.updates.errors import (
    BundleExpired,
    BundleRolledBack,
    ClockBehind,
    ContentRefused,
    NoTrustRoot,
    TrustDamaged,
)
from appliance.updates.fetcher import Stick
from models.errors import ModelExists
from models.formats.refusals import FileRefused
from tests.appliance.updates.conftest import Box
from tests.appliance.updates.sticks import manifest_of, model_of
from tests.installer.vendor.yard import NOW, remanifest
from tests.models.formats.build import gguf_bytes


def test_a_stick_is_looked_at_then_applied(box: Box, stick):
    before = box.state()
    seen = box.updates.verify(stick, "user:li")
    assert (seen.kind, seen.subject, seen.version, seen.state) == (
        "models",
        "demo-1",
        "1.0",
        "verified",
    )
    assert box.state() == before, "a look changes nothing"
    seen = box.updates.apply(stick, "user:li")
    assert seen.state == "applied"
    assert box.models() == [("demo-1", "1.0")]
    assert box.catalogue.verify("demo-1", "x").files[0].name == "demo.gguf"
    assert [one.state for one in box.updates.list()] == ["applied", "verified", "verified"]
    assert box.audit.tags()[:5] == [
        "update:bundle:apply",
        "update:bundle:verify",
        "update:bundle:verify",
        "model:shelf:admit",
        "update:bundle:apply",
    ]
    assert box.audit.events[0].subject == "trust-root"
    assert {event.actor for event in box.audit.events[:5]} == {"user:li"}
    assert list(box.places.staging.iterdir()) == []


def test_applying_again_changes_nothing(box: Box, stick):
    box.updates.apply(stick, "x")
    before = box.state()
    assert box.updates.apply(stick, "x").state == "applied"
    assert box.state() == before
    assert box.audit.tags().count("model:shelf:admit") == 1


def test_a_newer_bundle_follows_and_the_older_is_refused(box: Box, stick, yard, tmp_path):
    box.updates.apply(stick, "x")
    yard.add("demo-2")
    newer = yard.build(tmp_path / "newer", NOW + timedelta(hours=1))
    box.now = NOW + timedelta(hours=2)
    box.updates.apply(newer, "x")
    before = box.state()
    assert box.models() == [("demo-1", "1.0"), ("demo-2", "1.0")]
    with pytest.raises(BundleRolledBack):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert box.updates.list(1)[0].state == "refused"


def test_the_floor_holds_when_the_kept_metadata_is_lost(box: Box, stick, yard, tmp_path):
    yard.add("demo-2")
    newer = yard.build(tmp_path / "newer", NOW + timedelta(hours=1))
    box.now = NOW + timedelta(hours=2)
    box.updates.apply(newer, "x")
    for name in ("timestamp", "snapshot", "targets", "models"):
        (box.places.root.parent / "metadata" / f"{name}.json").unlink()
    with pytest.raises(BundleRolledBack):
        box.updates.apply(stick, "x")
    (box.places.root.parent / "floor.json").write_text("{}")
    with pytest.raises(TrustDamaged):
        box.updates.apply(stick, "x")


def test_without_a_root_nothing_is_trusted(box: Box, stick):
    box.places.root.unlink()
    with pytest.raises(NoTrustRoot):
        box.updates.verify(stick, "x")
    assert box.audit.events[-1].details["code"] == "update.no-trust-root"


def test_a_clock_that_is_behind_judges_nothing(box: Box, stick, yard, tmp_path):
    box.now = NOW.replace(year=1970)
    with pytest.raises(ClockBehind):
        box.updates.verify(stick, "x")
    box.now = NOW - timedelta(days=1)
    with pytest.raises(ClockBehind):
        box.updates.verify(stick, "x")  # signed tomorrow, says the stick
    box.now = NOW
    box.updates.apply(stick, "x")
    box.now = NOW - timedelta(hours=1)
    with pytest.raises(ClockBehind, match="2027-03-01T08:00:00Z"):
        box.updates.verify(stick, "x")
    box.now = NOW - timedelta(minutes=5)
    box.updates.verify(stick, "x")


def test_an_expired_stick_is_refused(box: Box, stick):
    box.now = NOW + timedelta(days=401)
    with pytest.raises(BundleExpired):
        box.updates.apply(stick, "x")
    assert box.models() == []


def test_no_record_no_update(box: Box, stick):
    box.updates.verify(stick, "x")
    before = box.state()
    box.audit.broken = True
    with pytest.raises(AuditUnavailable):
        box.updates.apply(stick, "x")
    box.audit.broken = False
    assert box.state() == before
    assert box.models() == []


def test_a_record_that_fails_at_the_end_takes_the_models_back(box: Box, stick, yard, tmp_path):
    yard.add("demo-2")
    both = yard.build(tmp_path / "both", NOW)
    record = box.audit.append
    before = box.trust.anchor()

    def fail_at_apply(event):
        if event.tag == "update:bundle:apply" and event.subject != "trust-root":
            raise AuditUnavailable(reason="disk")
        return record(event)

    box.audit.append = fail_at_apply
    with pytest.raises(AuditUnavailable):
        box.updates.apply(both, "x")
    assert box.models() == []
    assert box.trust.anchor() == before
    del box.audit.append
    box.updates.apply(both, "x")
    assert len(box.models()) == 2


def test_an_id_that_is_taken_refuses_the_whole_bundle(box: Box, yard, tmp_path):
    yard.add("a-new-one")
    yard.add(version="2.0")
    bundle = yard.build(tmp_path / "both")
    other = tmp_path / "other.gguf"
    other.write_bytes(gguf_bytes())
    from tests.models.registry.cards import make_card

    box.catalogue.admit(other, make_card(), "x")
    before = box.state()
    with pytest.raises(ModelExists):
        box.updates.apply(bundle, "x")
    assert box.state() == before
    assert list(box.places.staging.iterdir()) == []


def test_a_model_that_no_engine_should_see_is_refused_though_signed(box: Box, yard, stick):
    bad = gguf_bytes()[:-8]
    digest = sha256(bad).hexdigest()
    (stick / "chunks" / digest[:2]).mkdir(exist_ok=True)
    (stick / "chunks" / digest[:2] / digest).write_bytes(bad)

    def swap(manifest):
        (row,) = [row for row in manifest["files"] if row["name"] == "files/demo.gguf"]
        row["size"], row["sha256"], row["chunks"] = len(bad), digest, [[digest, len(bad)]]
        (card,) = [one for one in manifest["files"] if one["name"] == "card.json"]
        kept = {name: manifest["supply"][name] for name, _ in card["chunks"]}
        stored = {"blob": digest, "size": len(bad), "form": "plain"}
        manifest["supply"] = {**kept, digest: stored}

    remanifest(yard, stick, "models", "demo-1", swap)
    before = box.state()
    with pytest.raises(FileRefused):
        box.updates.apply(stick, "x")
    assert box.state() == before
    assert box.updates.list(1)[0].state == "refused"


def test_every_refusal_has_both_languages_and_a_way_out():
    def kinds(kind):
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    ours = [one for one in kinds(ApplianceError) if one.code.startswith("update")]
    assert len(ours) >= 15
    assert len({one.code for one in ours}) == len(ours)
    assert all(one.zh and one.en and one.way_out_zh and one.way_out_en for one in ours)


def test_a_bundle_is_found_whatever_else_is_on_the_stick(box: Box, stick):
    (stick / "autorun.inf").write_text("[autorun]")
    (stick / "metadata" / "9.evil.json").write_text("{")
    (stick / "metadata" / "models.json").write_text("{")
    (stick / "targets" / "evil.gguf").write_bytes(b"GGUF")
    (manifest_of(stick).parent / "x.py").write_text("import os")
    box.updates.apply(stick, "x")
    held = [path.name for path in box.folder.rglob("*") if path.is_file()]
    assert not {"autorun.inf", "evil.gguf", "x.py", "9.evil.json"} & set(held)


def test_a_stick_is_read_once(box: Box, stick, monkeypatch):
    opened: list[str] = []
    walk = Stick._walk

    def counted(self, path):
        if self.name.startswith("'" + str(stick)):
            opened.append(str(path))
        return walk(self, path)

    monkeypatch.setattr(Stick, "_walk", counted)
    box.updates.apply(stick, "x")
    content_reads = [name for name in opened if name.startswith("chunks/")]
    assert len(content_reads) == len(set(content_reads)) >= 2


def test_the_stick_may_lie_under_a_link_but_not_hold_one(box: Box, stick, tmp_path):
    (tmp_path / "usb").symlink_to(stick)
    box.updates.apply(tmp_path / "usb", "x")
    model = model_of(stick)
    shutil.move(model, tmp_path / "elsewhere")
    model.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ContentRefused):
        box.updates.verify(stick, "x")


def test_what_is_seen_fits_the_wire(box: Box, stick):
    from appliance.contract.update import UpdateView

    view = UpdateView.model_validate(box.updates.apply(stick, "x"), from_attributes=True)
    assert (view.state, view.subject, view.time) == ("applied", "demo-1", NOW)


def test_a_folder_of_files_travels_whole(box: Box, yard, tmp_path):
    from installer.vendor.warehouse import Warehouse
    from models.formats.inspect import require_model
    from tests.models.formats.build import safetensors_bytes
    from tests.models.registry.cards import make_card

    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
    )
    (folder / "model.safetensors").write_bytes(safetensors_bytes())
    told = require_model(folder)
    card = make_card(
        id="folder-1",
        architecture=told.architecture or "llama",
        parameters=told.parameters,
        quantisation=told.quantisation,
        context=0,
    )
    (tmp_path / "card.json").write_bytes(card.to_bytes())
    Warehouse(yard.folder).add(folder, tmp_path / "card.json")
    box.updates.apply(yard.build(tmp_path / "out"), "x")
    assert [name for name, _ in box.models()] == ["demo-1", "folder-1"]
    there = box.catalogue.get("folder-1")
    assert sorted(path.name for path in there.path.iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


def test_the_real_log_takes_every_step(box: Box, stick, tmp_path):
    from appliance.audit.ledger import AuditIdentity
    from appliance.audit.log import AuditLog
    from appliance.audit.reading import Query
    from secure_compute.signing import SigningKey

    identity = AuditIdentity(SigningKey.generate(), "wardbox/test")
    log = AuditLog.open(tmp_path / "audit.db", bytes(32), identity, clock=lambda: NOW)
    box.updates._audit = box.catalogue._audit = log
    box.updates.apply(stick, "user:li")
    (stick / "metadata" / "timestamp.json").write_bytes(b"x")
    with pytest.raises(ApplianceError):
        box.updates.apply(stick, "user:li")
    told = [(one.event.tag, one.event.subject) for one in log.reader.search(Query(limit=9))][::-1]
    log.close()
    bundle = box.updates.list()[-1].id
    assert told[1:] == [
        ("update:bundle:apply", "trust-root"),
        ("update:bundle:verify", bundle),
        ("model:shelf:admit", "demo-1"),
        ("update:bundle:apply", bundle),
        ("update:bundle:refuse", "none"),
    ]
