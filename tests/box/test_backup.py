"""A whole box is backed up while it serves, drilled with its engine, and comes back elsewhere."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit.ledger import AuditIdentity
from appliance.audit.log import AuditLog
from appliance.audit.reading import Query
from appliance.backup.coverage import unaccounted
from appliance.settings.layout import StateLayout
from appliance.settings.reading import load
from appliance.vault.assembly import build_vault
from tests.box.conftest import ROOT, Box, install

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("box")]


def test_a_backup_and_the_way_back(box: Box, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    box.run("backup", "target", "add", "disk", "directory", str(disk))
    made = box.run("backup", "create").stdout
    assert "snapshot     1" in made
    assert "whole" not in box.run("backup", "verify").stdout
    drilled = box.run("backup", "drill").stdout
    assert "wardbox-reference" in drilled
    # Whatever a real box keeps is in its backups, or is left out for a reason that is written down.
    assert unaccounted(StateLayout(box.state)) == ()
    told = box.run("status").stdout + box.run("doctor").stdout
    assert told.count("14 days, 8 weeks and 12 months are kept") == 2
    listed = box.run("backup", "list").stdout
    assert "#1" in listed
    assert listed.count("ok") == 3
    new = tmp_path / "new"
    done = subprocess.run(
        [ROOT / "wardbox", "backup", "restore", "--from", str(disk)],
        env={**os.environ, "WARDBOX_STATE": str(new)},
        input=f"{box.secrets['recovery']}\na new passphrase\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    layout = StateLayout(new)
    sealed = layout.sealed_root.read_bytes()
    answers = tmp_path / "answers.toml"
    answers.write_text('service = "none"\ntrial_note = false\n')
    assert "密码" not in install(new, answers)
    assert layout.sealed_root.read_bytes() == sealed
    settings = load(new, {})
    vault = build_vault(layout, settings, {}, lambda: datetime.now(UTC))
    opened = vault.unlock("a new passphrase")
    try:
        assert (layout.shelf / "models" / "wardbox-reference").is_dir()
        log = AuditLog.open(
            layout.audit_db,
            opened.key("audit.db"),
            AuditIdentity(opened.signing_key("audit"), settings.audit.origin),
            clock=lambda: datetime.now(UTC),
        )
        assert log.reader.search(Query(tag="backup:box:restore"))
        log.close()
    finally:
        vault.lock()
