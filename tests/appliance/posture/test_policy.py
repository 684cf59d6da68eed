"""What follows from the checks: by impact, as the settings say, recorded before it happens."""

import asyncio

import pytest
from pydantic import ValidationError

from appliance.errors import AuditUnavailable
from appliance.jobs.job import JobKind
from appliance.jobs.schedule import Schedules
from appliance.posture.errors import PostureUnknown
from appliance.posture.gate import TrainingGate
from appliance.posture.migrations import MIGRATIONS
from appliance.posture.policy import Consequence, Followed, PosturePolicy, followed
from appliance.posture.service import PostureRules, PostureService
from appliance.settings.posture import PostureSettings
from firmware_checks.check import Check, Impact, Text, failed, passed, undecided
from firmware_checks.report import Finding, Report
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db

STRICT = PosturePolicy.of(
    PostureSettings(critical="lock-vault", high="stop-training", medium="warn", low="nothing")
)


def report(**outcomes) -> Report:
    """One check of each impact that is named: "fail", "pass" or "unknown"."""
    words = Text("好", "坏", "修"), Text("Good", "Harm", "Remedy")
    verdicts = {"fail": failed, "pass": passed, "unknown": undecided}
    return Report(
        tuple(
            Finding(
                Check(f"m.{impact}", 1, Impact(impact), *words, (), lambda _: passed("", "")),
                verdicts[outcome]("话。", "Words."),
            )
            for impact, outcome in outcomes.items()
        )
    )


@pytest.mark.parametrize(
    ("outcomes", "wanted", "checks"),
    [
        ({"critical": "pass", "high": "pass"}, Consequence.NOTHING, ()),
        ({"low": "fail"}, Consequence.NOTHING, ()),
        ({"low": "fail", "medium": "fail"}, Consequence.WARN, ("m.medium",)),
        ({"medium": "fail", "high": "fail"}, Consequence.STOP_TRAINING, ("m.high",)),
        ({"high": "fail", "critical": "fail"}, Consequence.LOCK_VAULT, ("m.critical",)),
        ({"critical": "unknown"}, Consequence.NOTHING, ()),
        ({}, Consequence.NOTHING, ()),
    ],
)
def test_the_strongest_consequence_counts(outcomes, wanted, checks):
    assert followed(report(**outcomes).as_json(), STRICT) == Followed(wanted, checks)


def test_what_the_hospital_accepts_has_no_consequence():
    settings = PostureSettings(critical="lock-vault", accepted=["m.critical"])
    told = report(critical="fail").as_json()
    assert followed(told, PosturePolicy.of(settings)).consequence is Consequence.NOTHING


def test_what_could_not_be_checked_may_have_one_too():
    policy = PosturePolicy.of(PostureSettings(undecided="stop-training"))
    told = report(low="unknown").as_json()
    assert followed(told, policy) == Followed(Consequence.STOP_TRAINING, ("m.low",))


def test_an_impact_of_another_release_counts_as_the_gravest():
    told = report(low="fail").as_json()
    told["checks"][0]["impact"] = "catastrophic"
    assert followed(told, STRICT).consequence is Consequence.LOCK_VAULT


def test_the_default_is_to_warn():
    told = report(critical="fail").as_json()
    assert followed(told, PosturePolicy.of(PostureSettings())).consequence is Consequence.WARN
    assert followed(told, PosturePolicy()).consequence is Consequence.WARN


@pytest.mark.parametrize(
    "wrong", [{"critical": "explode"}, {"time": "25:00"}, {"accepted": ["../x"]}, {"other": 1}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValidationError):
        PostureSettings(**wrong)


class Lender:
    """Lends to everybody and remembers."""

    def __init__(self):
        self.lent, self.freed = [], None

    async def borrow(self, job_id, kind, on_yield):
        del kind, on_yield
        self.lent.append(job_id)
        return True

    async def give_back(self, job_id):
        self.lent.remove(job_id)

    def on_freed(self, listener):
        self.freed = listener


def kind_of(name: str) -> JobKind:
    return JobKind(name=name, argv=lambda *_: (), resumable=True)


async def test_training_saves_its_work_and_waits_while_the_ground_is_not_sound():
    lender, asked, woken = Lender(), [], []
    gate = TrainingGate(lender, frozenset({"training"}))
    gate.on_freed(lambda: woken.append(1))
    assert await gate.borrow("a", kind_of("training"), lambda: asked.append("a"))
    assert await gate.borrow("b", kind_of("evaluation"), lambda: asked.append("b"))
    gate.hold()
    gate.hold()
    assert asked == ["a"]
    await gate.give_back("a")
    assert not await gate.borrow("a", kind_of("training"), None)
    assert await gate.borrow("c", kind_of("backup"), None)
    assert woken == []
    gate.release()
    gate.release()
    assert woken == [1]
    assert await gate.borrow("a", kind_of("training"), None)
    assert lender.lent == ["b", "c", "a"]


class Hands:
    """Does what the policy wants, and remembers it."""

    def __init__(self):
        self.done = []

    def hold(self):
        self.done.append("hold")

    def release(self):
        self.done.append("release")

    def lock(self, checks):
        assert checks
        self.done.append("lock")


@pytest.fixture
def db(tmp_path):
    with open_db(tmp_path / "box.db", MIGRATIONS) as opened:
        yield opened


def service(db, audit, run, hands, policy=STRICT, version="1"):
    made = PostureService(db, audit, HandClock(), run, PostureRules(policy, "02:15", version))
    made.holds(hands)
    made.locks_by(hands.lock)
    return made


@pytest.mark.parametrize(
    ("outcomes", "done", "tags"),
    [
        ({"critical": "pass"}, ["release"], ["run"]),
        ({"medium": "fail"}, ["release"], ["run"]),
        ({"high": "fail"}, ["hold"], ["run", "act"]),
        ({"critical": "fail"}, ["hold", "lock"], ["run", "act"]),
    ],
)
async def test_the_policy_is_obeyed_and_recorded_first(db, outcomes, done, tags):
    audit, hands = RememberingAudit(), Hands()
    posture = service(db, audit, lambda: report(**outcomes), hands)
    checked = await posture.check("user:li")
    assert hands.done == done
    assert [event.tag.split(":")[-1] for event in audit.events] == tags
    if len(tags) > 1:
        act = audit.events[1]
        assert act.actor == "box"
        assert act.details["failed"] == list(checked.followed.checks)
        assert act.details["digest"] == posture.digest()
    (run,) = posture.history(10)
    assert (run.actor, run.reason, run.consequence) == (
        "user:li", "asked", checked.followed.consequence.word,
    )  # fmt: skip


async def test_nothing_follows_without_a_record(db):
    audit, hands = RememberingAudit(), Hands()
    audit.broken = True
    with pytest.raises(AuditUnavailable):
        await service(db, audit, lambda: report(critical="fail"), hands).check()
    assert hands.done == []


async def test_what_followed_still_holds_after_a_restart(db):
    audit = RememberingAudit()
    await service(db, audit, lambda: report(high="fail"), Hands()).check()
    again = Hands()
    service(db, audit, lambda: report(high="pass"), again)
    assert again.done == ["hold"]
    relaxed = Hands()
    service(db, audit, lambda: report(high="pass"), relaxed, PosturePolicy())
    assert relaxed.done == ["release"]


async def test_a_receipt_leads_to_its_report(db):
    found = [report(high="fail"), report(high="pass")]
    posture = service(db, RememberingAudit(), lambda: found.pop(0), Hands())
    first, second = await posture.check(), await posture.check()
    assert posture.digest() == second.report["digest"] != first.report["digest"]
    assert posture.named(first.report["digest"]).report == first.report
    assert posture.named(first.report["digest"]).followed == first.followed
    with pytest.raises(PostureUnknown):
        posture.named("0" * 64)


async def test_it_checks_at_boot_every_night_and_after_updates(db):
    ran, loop = asyncio.Event(), asyncio.get_running_loop()

    def run():
        loop.call_soon_threadsafe(ran.set)
        return report(low="pass")

    posture = service(db, RememberingAudit(), run, Hands())
    applied, schedules = ["none"], Schedules()
    posture.attend(schedules, lambda: applied[0])
    assert set(schedules.names()) == {"posture at boot", "posture", "posture after updates"}
    schedules.start()
    async with asyncio.timeout(30):
        await ran.wait()
        # A run at a time: the second one begins when the first is through.
        await posture.check()
    schedules.close()
    assert [one.reason for one in posture.history(9)] == ["asked", "boot"]
    await posture._after_update(lambda: applied[0])
    assert len(posture.history(9)) == 2
    applied[0] = "bundle-7"
    await posture._after_update(lambda: applied[0])
    await posture._after_update(lambda: applied[0])
    assert [one.reason for one in posture.history(9)] == ["update", "asked", "boot"]
    # The next release of the software is an update too.
    newer = service(db, RememberingAudit(), lambda: report(low="pass"), Hands(), version="2")
    assert newer._boot_reason() == "update"
