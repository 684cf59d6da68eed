"""`wardbox backup`: what is asked, what is shown, and a restore from the command line."""

import argparse
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.backup.target import DirectoryTarget
from appliance.commands import backup
from appliance.commands.backup_restore import run_restore
from appliance.contract.backup import BackupRun, BackupTargetView, SnapshotView
from appliance.settings.layout import StateLayout
from secure_compute.recovery import recovery_text
from secure_compute.secret import Secret
from tests.appliance.backup.conftest import PlainFiles, SmallBox

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def parsed(*words: str, state: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    backup.add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(["backup", *words])
    args.environ = {"WARDBOX_STATE": str(state)}
    return args


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.vault.assembly.build_files", lambda layout: PlainFiles())


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.mark.usefixtures("plain")
def test_a_restore_from_the_command_line(
    box: SmallBox,
    target: DirectoryTarget,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    box.back_up(target)
    place, new = str(target.place), tmp_path / "new"
    typed(monkeypatch, box.recovery)
    assert run_restore(parsed("restore", "--from", place, "--show", state=new)) == 0
    assert "#1" in capsys.readouterr().out
    assert not (new / "keys").exists()
    typed(monkeypatch, recovery_text(Secret.random()), "")
    assert run_restore(parsed("restore", "--from", place, state=new)) == 1
    told = capsys.readouterr().err
    assert "backup.keys-refused" in told
    assert "Traceback" not in told
    typed(monkeypatch, "")
    assert run_restore(parsed("restore", "--from", place, state=new)) == 2
    typed(monkeypatch, box.recovery[:-1], "x")
    assert run_restore(parsed("restore", "--from", place, state=new)) == 1
    typed(monkeypatch, box.recovery, "")
    assert run_restore(parsed("restore", "--from", place, state=new)) == 0
    out = capsys.readouterr().out
    words = {
        line.split()[-2]: line.split()[-1] for line in out.splitlines() if len(line.split()) > 1
    }
    assert "原有纸质密钥仍有效" in out
    made = SmallBox(StateLayout(new), box.clock)
    made.vault().unlock(words["passphrase"]).close()
    typed(monkeypatch, box.recovery, "")
    assert run_restore(parsed("restore", "--from", place, state=new)) == 1
    typed(monkeypatch, box.recovery, "")
    assert run_restore(parsed("restore", "--from", str(tmp_path / "no"), state=tmp_path / "x")) == 1
    typed(monkeypatch, box.recovery, "")
    missing = ("--checkpoint", str(tmp_path / "absent"))
    assert run_restore(parsed("restore", "--from", place, *missing, state=tmp_path / "x")) == 1


def test_a_short_passphrase_is_refused_before_anything_is_made(
    box: SmallBox, target: DirectoryTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.back_up(target)
    typed(monkeypatch, box.recovery, "short")
    args = parsed("restore", "--from", str(target.place), state=tmp_path / "new")
    assert run_restore(args) == 1
    assert not (tmp_path / "new" / "keys").exists()


def test_how_a_target_is_told() -> None:
    run = BackupRun(time=NOW, ok=False, snapshot=2, sentence="坏 bad", damaged=("packs/aa: cut",))
    one = SnapshotView(number=2, time=NOW, files=3, size=10, added=4, tree_size=5, version="0.1.0")
    view = BackupTargetView(
        name="nas", kind="directory", place="/srv", pin="", snapshots=(one,),
        created=None, verified=run, drilled=None,
    )  # fmt: skip
    text = "\n".join(backup.target_lines(view))
    for words in ("nas  directory  /srv", "never", "failed  #2  坏 bad", "packs/aa: cut", "#2 "):
        assert words in text
