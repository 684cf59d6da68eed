"""Birth: the vault's key goes into the TPM where there is one, and nothing is lost where there is none."""

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault.outcome import Created
from installer.answers import Answers
from installer.errors import TpmRefused
from installer.newborn import Newborn
from installer.steps.birth import Birth
from secure_compute.slot_errors import TpmUnavailable


class Desk:
    def __init__(self, error=None):
        self.error, self.asked = error, []

    def add(self, present, wish, actor):
        if self.error:
            raise self.error
        self.asked.append((present.secret, wish.kind, wish.pcrs, actor))


class Said:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def birth(monkeypatch, desk, answers):
    newborn = Newborn()
    newborn.passphrase = Created("paper", "correct horse battery").passphrase
    step = Birth(None, answers, newborn, None, None)
    monkeypatch.setattr(Birth, "_vault", lambda self, layout: type("V", (), {"slots": desk}))
    return step


def test_the_key_is_sealed_to_the_chosen_pcrs(monkeypatch, tmp_path):
    desk = Desk()
    birth(monkeypatch, desk, Answers(tpm="7,4"))._seal(StateLayout(tmp_path), Said())
    assert desk.asked == [("correct horse battery", "tpm", (7, 4), "local:installer")]


def test_without_a_tpm_a_person_opens_unless_one_was_asked_for(monkeypatch, tmp_path):
    desk, said = Desk(TpmUnavailable(reason_zh="没有", reason="it is absent")), Said()
    birth(monkeypatch, desk, Answers())._seal(StateLayout(tmp_path), said)
    assert "person" in said.lines[-1]
    with pytest.raises(TpmRefused):
        birth(monkeypatch, desk, Answers(tpm="7"))._seal(StateLayout(tmp_path), said)
