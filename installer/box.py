"""The box's own plan: from an empty state directory to a running, proven box."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.client.problem import BoxUnreachable, ProblemError
from appliance.errors import ApplianceError
from appliance.settings.layout import StateLayout
from installer.answers import Answers
from installer.closing import next_page, secrets_page
from installer.conversation import Conversation
from installer.errors import BoxRefused
from installer.host import Host
from installer.journal import Journal
from installer.newborn import HANDED_OVER, Newborn
from installer.places import Site
from installer.plan import Plan
from installer.steps.administrator import Administrator
from installer.steps.birth import Birth
from installer.steps.service import Service
from installer.steps.settings import SettingsFile
from installer.steps.smoke import Smoke
from installer.steps.storage import Storage
from secure_compute.errors import SecureComputeError


def install_box(site: Site, answers: Answers, host: Host, *, rehearse: bool) -> int:
    """Bring the box up, hand its secrets over once, and say what to try next."""
    newborn = Newborn()
    journal = Journal(site.journal, time.time)
    box = Conversation(StateLayout(site.state).socket)
    service = Service(site, answers.service, newborn, box)
    plan = _plan(site, answers, newborn, journal, service)
    if rehearse:
        plan.rehearse(host)
        return 0
    try:
        with _told():
            plan.apply(host)
    finally:
        # Once somebody can sign in, a trial note that fails keeps nobody's secrets from them.
        if newborn.password is not None:
            _hand_over(answers, newborn, host)
            journal.note(HANDED_OVER, "done")
            service.rest(host)
    host.say(next_page(site, answers, box.health()))
    return 0


def uninstall_box(site: Site, answers: Answers, host: Host) -> None:
    """Stop the box and remove its state directory with everything in it."""
    journal = Journal(site.journal, time.time)
    box = Conversation(StateLayout(site.state).socket)
    with _told():
        service = Service(site, answers.service, Newborn(), box)
        _plan(site, answers, service.newborn, journal, service).undo(host)
    host.remove(site.state)


def _plan(
    site: Site, answers: Answers, newborn: Newborn, journal: Journal, service: Service
) -> Plan:
    box = service.box
    return Plan(
        (
            SettingsFile(site, answers),
            Storage(site, answers),
            Birth(site, answers, newborn, journal, service.undo),
            service,
            Administrator(site, answers, newborn, box, journal),
            Smoke(site, box, journal, newborn, answers.trial_note),
        ),
        journal,
        time.monotonic,
    )


def _hand_over(answers: Answers, newborn: Newborn, host: Host) -> None:
    page = secrets_page(newborn)
    if answers.secrets_file is not None:
        host.write(answers.secrets_file, page, 0o600)
        host.say(f"密钥已写入 secrets written to {answers.secrets_file}")
    else:
        host.say(page)
    newborn.forget()


@contextmanager
def _told() -> Iterator[None]:
    """Pass a refusal of the box on as one of the installer's, in the box's own words."""
    try:
        yield
    except (ProblemError, BoxUnreachable) as error:
        raise BoxRefused(told=error.detail, advice=error.way_out) from error
    except (ApplianceError, SecureComputeError) as error:
        raise BoxRefused(told=error.sentence, advice=error.way_out) from error
