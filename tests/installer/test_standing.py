"""A box that stands is never made anew: restored, its journal lost, or its trial note failed."""

import pytest

from appliance.settings.layout import StateLayout
from installer import box
from installer.answers import Answers
from installer.errors import SmokeFailed
from installer.host import Machine
from installer.journal import Journal
from installer.newborn import BIRTH, HANDED_OVER, Newborn, unborn
from installer.places import Site
from installer.plan import Plan
from installer.steps.administrator import Administrator
from installer.steps.birth import Birth


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path, tmp_path / "cache", tmp_path / "state")


@pytest.fixture
def journal(site):
    return Journal(site.journal, lambda: 1.0)


def seal(site):
    layout = StateLayout(site.state)
    layout.keys.mkdir(parents=True)
    layout.sealed_root.write_text("{}")


def steps(site, journal):
    newborn = Newborn()
    return (
        Birth(site, Answers(), newborn, journal, lambda host: None),
        Administrator(site, Answers(), newborn, None, journal),
    )


def test_a_vault_that_no_installation_made_is_left_alone(site, journal):
    """As `wardbox backup restore` leaves it; install.sh is what a person runs next."""
    assert all(step.needed() for step in steps(site, journal))
    seal(site)
    assert not any(step.needed() for step in steps(site, journal))


def test_what_an_interrupted_run_made_is_made_anew_until_somebody_holds_its_secrets(site, journal):
    journal.note(BIRTH, "begun")
    seal(site)
    assert all(step.needed() for step in steps(site, journal))
    journal.note(HANDED_OVER, "done")
    assert not any(step.needed() for step in steps(site, journal))


class Made:
    """A step after which the box has an administrator."""

    name = title = "made"

    def __init__(self, newborn):
        self.newborn = newborn

    def needed(self):
        return True

    def apply(self, host):
        self.newborn.administrator, self.newborn.password = "admin", "the-password"
        self.newborn.passphrase, self.newborn.recovery_key = "the-phrase", "AAAAA-BBBBB"


class Fails(Made):
    """A trial note that does not pass."""

    name = title = "smoke"

    def apply(self, host):
        raise SmokeFailed(reason="一行也没有 not a line", log="logs")


@pytest.mark.parametrize("made", [True, False])
def test_a_failed_trial_note_keeps_nobody_from_the_secrets(site, journal, monkeypatch, made):
    said = []

    def plan(_site, _answers, newborn, _journal, _service):
        chosen = (Made(newborn), Fails(newborn)) if made else (Fails(newborn),)
        return Plan(chosen, journal, lambda: 0.0)

    monkeypatch.setattr(box, "_plan", plan)
    with pytest.raises(SmokeFailed):
        box.install_box(site, Answers(), Machine(site.log, said.append), rehearse=False)
    assert any("the-password" in line for line in said) == made
    assert (journal.last(HANDED_OVER) == "done") == made
    seal(site)
    assert not unborn(StateLayout(site.state), journal)
