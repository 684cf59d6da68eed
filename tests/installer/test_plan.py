"""A plan: applied once, resumed after any interruption, rehearsed without a trace, taken back."""

import pytest

from installer.errors import CommandFailed, ProgramMissing
from installer.host import Command, Machine, Rehearsal
from installer.journal import Journal
from installer.plan import Plan


class File:
    """A step that wants one file to exist."""

    def __init__(self, path, *, fails=False):
        self.name = path.name
        self.title = f"file {path.name}"
        self.path = path
        self.fails = fails

    def needed(self):
        return not self.path.exists()

    def apply(self, host):
        if self.fails:
            raise KeyboardInterrupt
        host.write(self.path, "x", 0o600)

    def undo(self, host):
        host.remove(self.path)


def make(tmp_path, *fails):
    said = []
    steps = [File(tmp_path / name, fails=name in fails) for name in ("a", "b", "c")]
    journal = Journal(tmp_path / "state/journal.ndjson", lambda: 1.0)
    plan = Plan(steps, journal, lambda: 0.0)
    return plan, journal, Machine(tmp_path / "log", said.append), said


def test_a_plan_acts_once_and_then_rests(tmp_path):
    plan, journal, host, _ = make(tmp_path)
    assert plan.apply(host) == 3
    assert plan.apply(host) == 0
    assert [entry.outcome for entry in journal.entries()] == ["begun", "done"] * 3
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_an_interrupted_plan_goes_on_where_it_stopped(tmp_path):
    plan, journal, host, _ = make(tmp_path, "b")
    with pytest.raises(KeyboardInterrupt):
        plan.apply(host)
    assert (journal.last("a"), journal.last("b"), journal.last("c")) == ("done", "begun", None)
    plan, journal, host, said = make(tmp_path)
    assert plan.apply(host) == 2
    assert "already so" in said[0]


def test_a_rehearsal_tells_all_and_changes_nothing(tmp_path):
    plan, journal, _, _ = make(tmp_path)
    said = []
    assert plan.rehearse(Rehearsal(said.append)) == 3
    assert list(tmp_path.iterdir()) == []
    assert sum("write" in line for line in said) == 3
    assert journal.entries() == ()


def test_a_plan_is_taken_back_last_first(tmp_path):
    plan, _, host, said = make(tmp_path)
    plan.apply(host)
    plan.undo(host)
    assert not any((tmp_path / name).exists() for name in "abc")
    assert [line.split()[2] for line in said[-3:]] == ["c:", "b:", "a:"]


def test_a_torn_journal_line_is_passed_over(tmp_path):
    journal = Journal(tmp_path / "journal", lambda: 1.0)
    journal.note("vault", "begun")
    with (tmp_path / "journal").open("a") as stream:
        stream.write('{"step": "vault", "outc')
    journal.note("vault", "done")
    assert [entry.outcome for entry in journal.entries()] == ["begun", "done"]


def test_a_failing_program_is_told_with_its_last_words(tmp_path):
    host = Machine(tmp_path / "log", print)
    with pytest.raises(CommandFailed) as caught:
        host.run(Command(("sh", "-c", "echo disk is full >&2; exit 9")))
    assert caught.value.facts["status"] == 9
    assert "disk is full" in str(caught.value)
    assert str(tmp_path / "log") in caught.value.way_out
    with pytest.raises(ProgramMissing):
        host.run(Command(("no-such-program-here",)))


def test_a_link_is_moved_in_one_step(tmp_path):
    host = Machine(tmp_path / "log", print)
    for target in ("one", "two"):
        (tmp_path / target).mkdir()
        host.link(tmp_path / "link", tmp_path / target)
        assert (tmp_path / "link").resolve() == tmp_path / target


def test_removing_a_link_spares_its_target(tmp_path):
    host = Machine(tmp_path / "log", print)
    (tmp_path / "target").mkdir()
    host.link(tmp_path / "link", tmp_path / "target")
    host.remove(tmp_path / "link")
    assert (tmp_path / "target").is_dir()
