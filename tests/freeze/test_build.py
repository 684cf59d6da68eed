"""The built binaries: PyInstaller builds them, and they start without an environment of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PyInstaller.archive.readers import CArchiveReader

from tests.models.formats.build import gguf_bytes

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.frozen, pytest.mark.slow, pytest.mark.xdist_group("freeze")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("freeze")
    subprocess.run(
        [
            Path(sys.executable).parent / "pyinstaller",
            ROOT / "build.spec",
            "--noconfirm",
            "--log-level=WARN",
            f"--distpath={scratch / 'dist'}",
            f"--workpath={scratch / 'work'}",
        ],
        cwd=ROOT,
        check=True,
        timeout=1200,
    )
    return scratch / "dist" / "wardbox"


def start(program, *words, state):
    return subprocess.run(
        [program, *words],
        env={"PATH": "/usr/bin:/bin", "HOME": str(state), "WARDBOX_STATE": str(state / "box")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_program_starts(built, tmp_path):
    for name in ("wardbox", "wardbox-console", "wardbox-install", "wardbox-models"):
        done = start(built / name, "--help", state=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "usage" in done.stdout


def test_a_built_box_judges_a_model_file(built, tmp_path):
    (tmp_path / "good.gguf").write_bytes(gguf_bytes())
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    good = start(
        built / "wardbox-models", "model", "inspect", tmp_path / "good.gguf", state=tmp_path
    )
    bad = start(built / "wardbox-models", "model", "inspect", tmp_path / "bad.gguf", state=tmp_path)
    assert (good.returncode, bad.returncode) == (0, 1)


def test_a_built_box_runs_its_workers(built, tmp_path):
    for flags in (("-m",), ("-P", "-m")):
        done = start(built / "wardbox", *flags, "eval.worker", state=tmp_path)
        assert done.returncode == 1
        assert "eval.spec-invalid" in done.stdout
    other = start(built / "wardbox", "-P", "-m", "http.server", state=tmp_path)
    assert other.returncode == 2


def test_a_built_box_holds_what_it_starts_or_imports_late(built):
    archive = CArchiveReader(str(built / "wardbox")).open_embedded_archive("PYZ.pyz")
    assert {
        "appliance.audit.writing",
        "appliance.catalogue.import_worker",
        "appliance.tuning.worker",
        "models.engines.guard",
        "jwt",
        "ldap3",
        "prometheus_client",
        "opentelemetry.context.contextvars_context",
        "opentelemetry.exporter.otlp.proto.http.trace_exporter",
        "opentelemetry.sdk.trace.export",
    } <= set(archive.toc)


def test_a_built_box_checks_the_ground_it_stands_on(built, tmp_path):
    done = start(built / "wardbox-firmware", "check", "--json", state=tmp_path)
    assert done.returncode in {0, 1, 2}
    assert '"posture"' in done.stdout


def test_the_build_holds_no_training_libraries(built):
    inside = {path.name for path in (built / "_internal").iterdir()}
    assert not inside & {"torch", "transformers", "peft"}
    assert os.access(built / "_internal/models/reference_model/wardbox-reference.gguf", os.R_OK)
