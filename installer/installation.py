"""One installation: which plan on which site, in whose process."""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from appliance.settings.layout import StateLayout, state_directory
from installer.answers import Answers, read_answers
from installer.errors import AlreadyRunning, NotConfirmed
from installer.host import Host, Machine, Rehearsal, environment, replace_process
from installer.journal import Journal
from installer.places import Site
from installer.plan import Plan
from installer.preflight import may_be_luks, require_fit
from installer.step import Step
from installer.steps.engine import EngineBuild
from installer.steps.environment import Environment
from installer.steps.hot_path import HotPath
from installer.steps.packages import SystemPackages
from installer.steps.ray_environment import RayEnvironment


def run(args: argparse.Namespace, checkout: Path) -> int:
    """Carry out `install`, `uninstall` or `prepare`.

    The ground (system packages, environment, engine) is laid by whichever Python 3.11 started us,
    with the standard library alone; then the environment's own Python goes on with the box.
    """
    site = site_of(args, checkout)
    if args.command == "prepare":
        return _prepare(site, args.group)
    if args.command == "prepare-cluster":
        return _prepare_cluster(site)
    in_environment = Path(sys.prefix).resolve() == site.environment.resolve()
    if args.uninstall:
        return _uninstall(site, confirmed=args.yes, in_environment=in_environment)
    answers = read_answers(args.answers)
    host: Host = Rehearsal(say) if args.rehearse else Machine(site.log, say)
    if not in_environment:
        say(f"WardBox · {site.state}")
        require_fit(site.state, answers, ours=StateLayout(site.state).settings_file.exists())
        laid = _ground(site, "run", luks=may_be_luks(answers.storage))
        ground = Plan((*laid, HotPath(site)), _journal(site), time.monotonic)
        if args.rehearse:
            ground.rehearse(host)
        else:
            with _alone(site), _in_turn(site, laid):
                ground.apply(host)
        if site.python.exists():
            _go_on_in(site)
        say(
            "其余步骤在环境建成后才能演练 the other steps can be rehearsed once the environment exists"
        )
        return 0
    from installer.box import install_box  # noqa: PLC0415  needs the environment

    if args.rehearse:
        return install_box(site, answers, host, rehearse=True)
    with _alone(site):
        return install_box(site, answers, host, rehearse=False)


def say(line: str) -> None:
    """Progress to the screen, at once."""
    print(line, flush=True)  # noqa: T201  the installer speaks to a person


def site_of(args: argparse.Namespace, checkout: Path) -> Site:
    """The site of a command: the checkout, the cache of this user and the state directory."""
    environ = environment()
    home = environ.get("XDG_CACHE_HOME") or "~/.cache"
    chosen = getattr(args, "state", None)
    return Site(
        checkout=checkout,
        cache=Path(home).expanduser() / "wardbox",
        state=chosen.expanduser().absolute() if chosen else state_directory(environ),
    )


def _ground(
    site: Site, group: str, *, luks: bool = False
) -> tuple[SystemPackages | Environment | EngineBuild, ...]:
    packages = SystemPackages(group, building=not site.shipped, luks=luks)
    return (packages, Environment(site, group), EngineBuild(site))


def _prepare(site: Site, group: str) -> int:
    log = site.cache / "prepare.log"
    journal = Journal(site.cache / "prepare.ndjson", time.time)
    laid = _ground(site, group)
    with _in_turn(site, laid):
        Plan(laid, journal, time.monotonic).apply(Machine(log, say))
    return 0


def _prepare_cluster(site: Site) -> int:
    with _alone(site):
        journal = _journal(site)
        plan = Plan((RayEnvironment(site),), journal, time.monotonic)
        plan.apply(Machine(site.log, say))
    return 0


def _go_on_in(site: Site) -> None:
    replace_process([str(site.python), "-m", "installer", *sys.argv[1:]])


def _uninstall(site: Site, *, confirmed: bool, in_environment: bool) -> int:
    if not confirmed:
        raise NotConfirmed(state=site.state)
    if not site.state.exists():
        say(f"没有可删除的 nothing to remove: {site.state}")
        return 0
    if not in_environment:
        # Without its environment no box can be running: only files are left of it.
        if site.python.exists():
            _go_on_in(site)
        Machine(site.cache / "uninstall.log", say).remove(site.state)
    else:
        from installer.box import uninstall_box  # noqa: PLC0415  needs the environment

        uninstall_box(site, Answers(), Machine(site.cache / "uninstall.log", say))
    say(f"已删除 removed: {site.state}")
    return 0


def _journal(site: Site) -> Journal:
    return Journal(site.journal, time.time)


@contextmanager
def _in_turn(site: Site, laid: Sequence[Step]) -> Iterator[None]:
    """Where something is to be made in the cache that boxes of this user share, one makes it at a time."""
    if not any(step.needed() for step in laid):
        yield
        return
    site.cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(site.cache / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(
                "等待另一个安装程序备好运行环境 waiting for another installation to lay the same ground"
            )
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    """Hold the installation lock of this state directory; the kernel frees it if we die."""
    site.journal.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(site.journal.parent / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AlreadyRunning(state=site.state) from None
    finally:
        os.close(lock)
