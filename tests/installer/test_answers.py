"""Answers: every key documented, every mistake named."""

from dataclasses import fields
from pathlib import Path

import pytest

from installer.answers import MEANING, Answers, answers_markdown, read_answers, read_secret
from installer.errors import AnswersInvalid

ROOT = Path(__file__).resolve().parents[2]


def write(tmp_path, text):
    path = tmp_path / "answers.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold():
    assert read_answers(None) == Answers()


def test_answers_are_read_and_paths_stand_beside_the_file(tmp_path):
    found = read_answers(
        write(
            tmp_path,
            'hospital = "第一医院"\nport = 9443\nhost_names = ["box.lan"]\nsecrets_file = "s.txt"\n',
        )
    )
    assert (found.hospital, found.port, found.secrets_file) == (
        "第一医院",
        9443,
        tmp_path / "s.txt",
    )
    assert {"localhost", "127.0.0.1", "box.lan"} <= set(found.names())


def test_what_the_tpm_seals_to_is_chosen(tmp_path):
    assert Answers().pcrs() == (7,)
    assert read_answers(write(tmp_path, 'tpm = "7, 4"')).pcrs() == (7, 4)
    assert read_answers(write(tmp_path, 'tpm = "none"')).pcrs() == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "port"),
        ("port = 0", "port"),
        ("port = 70000", "port"),
        ("port = true", "port"),
        ('storage = "sdb"', "storage"),
        ('storage = "luks:sdb"', "storage"),
        ("storage_erase = 1", "storage_erase"),
        ('trial_note = "no"', "trial_note"),
        ('suite = "rsa"', "suite"),
        ('tpm = "24"', "tpm"),
        ('tpm = "seven"', "tpm"),
        ("tpm = 7", "tpm"),
        ('port = "8443"', "port"),
        ('host_names = "box"', "host_names"),
        ("host_names = [1]", "host_names"),
        ('service = "docker"', "service"),
        ('hospital = ""', "hospital"),
        ("hospital = 3", "hospital"),
        ("password = 'x'", "password"),
        ("port = ", "TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, named):
    with pytest.raises(AnswersInvalid, match=named):
        read_answers(write(tmp_path, text))


def test_odd_files_are_refused_in_a_sentence(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge").write_bytes(b"#" * 100_000)
    for name in ("absent", "binary", "huge", "."):
        with pytest.raises(AnswersInvalid):
            read_answers(tmp_path / name)


def test_a_secret_is_a_first_line_of_some_length(tmp_path):
    (tmp_path / "good").write_text("correct horse battery\nrest\n")
    (tmp_path / "short").write_text("short\n")
    assert read_secret(tmp_path / "good") == "correct horse battery"
    for name in ("short", "absent"):
        with pytest.raises(AnswersInvalid):
            read_secret(tmp_path / name)


def test_every_key_has_a_meaning_and_stands_in_the_manual():
    assert set(MEANING) == {field.name for field in fields(Answers)}
    manual = (ROOT / "docs/operate/install.md").read_text(encoding="utf-8")
    assert answers_markdown() in manual
