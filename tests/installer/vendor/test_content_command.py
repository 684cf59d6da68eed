"""`wardbox vendor add|build --from` as a vendor types it: what is said, and what is refused how."""

import io
import sys
from pathlib import Path

import pytest

from installer.__main__ import main
from tests.installer.vendor.yard import PASSPHRASE, Yard

AT = ["--time", "2027-03-01T08:00:00Z"]


@pytest.fixture
def said(monkeypatch, capsys):
    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{PASSPHRASE}\n".encode())))
        status = main(["vendor", *map(str, words)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return Yard(tmp_path_factory.mktemp("ceremony") / "vendor").init()


@pytest.fixture
def home(ceremony: Yard, tmp_path: Path) -> Path:
    ceremony.copied(tmp_path / "vendor")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "run").write_text("#!/bin/sh\n")
    return tmp_path


def add(home: Path, kind: str, *words: object) -> list[object]:
    return ["add", kind, home / "tree", "--dir", home / "vendor", *words]


def test_a_release_and_then_a_delta_to_it(said, home):
    schema = ["--schema", 7, "--downtime", 90, "--hardware", "cpu", "--title", "新版本"]
    status, text, _ = said(*add(home, "software", "--version", "1.0.0", *schema))
    assert (status, "software wardbox 1.0.0" in text) == (0, True)
    assert said("build", home / "one", "--dir", home / "vendor", *AT)[0] == 0
    (home / "tree" / "more").write_text("more\n")
    assert said(*add(home, "software", "--version", "1.1.0", "--follows", "1.0.0"))[0] == 0
    words = ["--dir", home / "vendor", "--from", home / "one", *AT]
    status, text, _ = said("build", home / "two", *words)
    assert status == 0
    assert "software wardbox 1.1.0  15 B, 随包 shipped 5 B (33.3 %)" in text


def test_other_kinds(said, home):
    for kind in ("evaluations", "baselines", "data"):
        status, text, _ = said(*add(home, kind, "--id", "x", "--version", "2026.11", "--box", "b1"))
        assert (status, f"{kind} x 2026.11" in text) == (0, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["software"], "vendor.argument-refused"),
        (["data", "--version", "1"], "vendor.argument-refused"),
        (["models"], "vendor.argument-refused"),
        (["models", "--card", "nowhere"], "vendor."),
        (["data", "--id", "X", "--version", "1"], "vendor.package-refused"),
        (["data", "--id", "x", "--version", "../1"], "vendor.package-refused"),
        (["data", "--id", "x", "--version", "1", "--box", ""], "vendor.package-refused"),
        (["data", "--id", "x", "--version", "1", "--title", "\x1b[31m"], "vendor.package-refused"),
        (["software", "--version", "1", "--schema", "-1"], "vendor.package-refused"),
    ],
)
def test_a_refusal_is_a_sentence(said, home, words, code):
    status, out, told = said(*add(home, *words))
    assert (status, out) == (1, "")
    assert f"[{code}" in told
    assert "Traceback" not in told
    assert "\x1b" not in told


def test_a_build_from_what_is_no_bundle(said, home):
    said(*add(home, "data", "--id", "x", "--version", "1"))
    words = ["--dir", home / "vendor", *AT]
    for earlier in (home / "nowhere", home / "tree"):
        status, _, told = said("build", home / "out", "--from", earlier, *words)
        assert status == 1
        assert "[vendor." in told
    assert said("build", home / "out", *words)[0] == 0
