"""Scenes 6 to 8: a signed release from a stick, by the units; a broken one, a pulled plug, and back again."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.vm.agent import Agent, AgentSilentError
from tests.vm.box import HOUSE, Box
from tests.vm.ledger import Ledger
from tests.vm.stick import AFTER, BROKEN, GOOD, LABEL, NEXT, ROOT, TABLES

PLACE = "/media/stick"
_UNIT = "wardbox-apply"
_OVERRIDE = f"/etc/systemd/system/{_UNIT}.service.d/short.conf"
_DEADLINE_S = 100
_LONG_S = 900.0
_APPLY_S = 1800.0
_POLL_S = 5.0


def sees_a_stick(agent: Agent, ledger: Ledger) -> None:
    """Scene 6, first part: a stick of a vendor who is trusted is seen, read and planned."""
    box = Box(agent)
    ledger.require("the vault opened by itself", holds=box.await_unlocked() == "unlocked")
    result = _property(agent, _UNIT, "Result")
    ledger.require(
        "the unit had nothing to do, and said so", holds=result == "success", seen=result
    )
    _mount(agent)
    told = box.wardbox("update", "trust", f"{PLACE}/{ROOT}").replace(" ", "")
    wanted = str(ledger.done()["fingerprint"])
    ledger.require("the root has the vendor's fingerprint", holds=wanted in told, seen=told)
    seen = _told(box, "status")
    found = [one["directory"] for one in seen["sticks"] if one["bundle"]]
    ledger.require("the stick is seen", holds=found == [f"{PLACE}/{GOOD}"], seen=str(seen))
    said = box.try_wardbox("update", "verify", f"{PLACE}/{GOOD}", limit_s=_LONG_S)
    # The box of scene 5 was a copy of this one, and took the TPM's counter for itself.
    doubted = "update.record-doubtful" in said.text
    ledger.require(
        "it is not judged while the TPM speaks against the disk", holds=doubted, seen=said.text
    )
    box.wardbox("audit", "witness", "renew", limit_s=_LONG_S)
    said = box.try_wardbox("update", "verify", f"{PLACE}/{GOOD}", limit_s=_LONG_S)
    ledger.require("all of it holds", holds=said.code == 0, seen=said.text)
    _plans(box, ledger, GOOD, NEXT)


def takes_the_release(agent: Agent, ledger: Ledger) -> None:
    """Scene 6, second part: one command of the box; the units do the rest, and nobody unlocks."""
    box = Box(agent)
    supervisor, boot = _property(agent, "wardbox", "MainPID"), _boot(agent)
    _take_in(agent, ledger, GOOD)
    _await(agent, lambda: bool(_outcome(agent)))
    _tell_journal(agent, ledger)
    outcome = _outcome(agent)
    found = (outcome["state"], outcome["version"], outcome["tries"], outcome["migrations"])
    wanted = ("blessed", NEXT, 1, [f"updates.9-{TABLES[NEXT][-1]}"])
    ledger.require(f"{NEXT} is in use, with its table", holds=found == wanted, seen=str(outcome))
    ledger.say(f"     stood still {outcome['stopped']}, answered {outcome['answered']}")
    result = _property(agent, _UNIT, "Result")
    ledger.require("the unit that did it ended well", holds=result == "success", seen=result)
    now = _property(agent, "wardbox", "MainPID")
    ledger.require("the supervisor kept the key", holds=now == supervisor and _boot(agent) == boot)
    _was_well(agent, ledger)
    _runs(agent, ledger, NEXT, supervisor)
    ledger.say(f"     {_entries(agent, ledger)} entries")
    left = box.agent.run("/bin/ls", f"{box.state}/updates").split()
    ledger.require("nothing waits any more", holds="request.json" not in left, seen=str(left))


def opens_as_the_release(agent: Agent, ledger: Ledger) -> None:
    """Scene 7, first part: after a restart the unit of the old release starts the new one."""
    state = Box(agent).await_unlocked()
    ledger.require("the vault opened by itself", holds=state == "unlocked", seen=state)
    _runs(agent, ledger, NEXT, _property(agent, "wardbox", "MainPID"))


def power_goes_during_a_trial(agent: Agent, ledger: Ledger) -> None:
    """Scene 7, second part: a release that cannot open the vault is on trial when the plug is pulled."""
    _mount(agent)
    ledger.keep("entries", _entries(agent, ledger))
    # Nothing but its patience: three times ten minutes would tell no more.
    agent.run("/bin/mkdir", "-p", _OVERRIDE.rpartition("/")[0])
    line = f"ExecStart={HOUSE}/wardbox apply-update --deadline {_DEADLINE_S}"
    agent.write(_OVERRIDE, f"[Service]\nExecStart=\n{line}\n".encode())
    agent.run("/usr/bin/systemctl", "daemon-reload")
    _take_in(agent, ledger, BROKEN)
    _await(agent, lambda: _trial(agent).get("state") == "flipped")
    house = _house(agent, "current")
    ledger.require(f"{AFTER} is on trial", holds=house.endswith(f"/{AFTER}"), seen=house)
    # It has made its table by then.
    _await(agent, lambda: Box(agent).view()["state"] == "locked")
    tries = _trial(agent)["tries"]
    ledger.require("for the first time", holds=tries == 1, seen=str(tries))
    _tell_journal(agent, ledger)
    agent.cut_power()


def takes_itself_back(agent: Agent, ledger: Ledger) -> None:
    """Scene 8: the unit goes on by itself; after the third try the release before is there again."""
    _await(agent, lambda: _outcome(agent).get("version") == AFTER)
    _tell_journal(agent, ledger)
    outcome = _outcome(agent)
    found = (outcome["state"], outcome["tries"], outcome["code"])
    wanted = ("reverted", 3, "apply.unhealthy")
    ledger.require(
        f"{AFTER} is taken back after three tries", holds=found == wanted, seen=str(outcome)
    )
    tables = [f"updates.9-{TABLES[AFTER][-1]}"]
    ledger.require("with its table", holds=outcome["migrations"] == tables, seen=str(outcome))
    ledger.say(f"     {outcome['zh']} {outcome['en']}")
    state = Box(agent).await_unlocked()
    ledger.require("the vault is open, and nobody opened it", holds=state == "unlocked", seen=state)
    _runs(agent, ledger, NEXT, _property(agent, "wardbox", "MainPID"))
    _was_well(agent, ledger)
    # The TPM's counter has not run ahead of the database that came back: sticks are still judged.
    _mount(agent)
    _plans(_box(agent), ledger, BROKEN, AFTER)
    before, after = int(str(ledger.done()["entries"])), _entries(agent, ledger)
    ledger.require("the record only grew", holds=after > before, seen=f"{before} -> {after}")
    ledger.say(f"     {before} -> {after} entries")


def _plans(box: Box, ledger: Ledger, folder: str, version: str) -> None:
    said = box.try_wardbox("update", "plan", f"{PLACE}/{folder}", "--json", limit_s=_LONG_S)
    ledger.require(
        "the stick is judged, and nothing hinders it", holds=said.code == 0, seen=said.text
    )
    change = json.loads(said.out)["changes"][0]
    led = (change["id"], change["after"]) == ("wardbox", version)
    ledger.require(
        f"the plan leads from {change['before']} to {version}", holds=led, seen=said.text
    )


def _take_in(agent: Agent, ledger: Ledger, folder: str) -> None:
    """Apply a stick, as far as the box itself does."""
    active = agent.try_run("/usr/bin/systemctl", "is-active", f"{_UNIT}.path").out.strip()
    ledger.require("systemd watches for requests", holds=active == "active", seen=active)
    said = _box(agent).try_wardbox("update", "apply", f"{PLACE}/{folder}", limit_s=_LONG_S)
    ledger.require("the stick is taken in", holds=said.code == 0, seen=said.text)


def _await(agent: Agent, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _APPLY_S
    while not holds():
        if time.monotonic() > until:
            raise AgentSilentError(f"the units have not got so far: {_journal(agent)}")
        time.sleep(_POLL_S)


def _tell_journal(agent: Agent, ledger: Ledger) -> None:
    for line in _journal(agent).splitlines():
        ledger.say(f"     {line}")


def _was_well(agent: Agent, ledger: Ledger) -> None:
    """What the installer heard when it last asked the box for its health, minutes of an emulated processor."""
    told = agent.run("/bin/cat", f"{Box(agent).state}/software/apply.log").rpartition("$ ")[2]
    command, *checks = told.strip().splitlines()
    well = command.endswith("update health") and all(line.startswith("✔") for line in checks)
    schema = any("schema" in line for line in checks)
    ledger.require("it is healthy, schema and all", holds=well and schema, seen=told)
    for line in checks:
        ledger.say(f"     {line}")


def _runs(agent: Agent, ledger: Ledger, version: str, supervisor: str) -> None:
    """The release that is told runs, on the vault as it was."""
    box = _box(agent)
    house = _house(agent, "current")
    runs = agent.run("/bin/cat", f"/proc/{supervisor}/environ")
    ledger.require("it runs from its own folder", holds=house.endswith(f"/{version}"), seen=house)
    ledger.require("and so does its supervisor", holds=f"PYTHONPATH={house}\0" in runs, seen=runs)
    release = _told(box, "status")["release"]
    ledger.require(f"the box says that it is {version}", holds=release == version, seen=release)
    mounted = agent.run("/bin/findmnt", "-no", "SOURCE", f"{box.state}/vault")
    ledger.require("its vault is on LUKS2", holds="/dev/mapper/wardbox-" in mounted, seen=mounted)


def _box(agent: Agent) -> Box:
    """The box as its people speak to it: by the release that is the current one."""
    return replace(Box(agent), house=_house(agent, "current"))


def _house(agent: Agent, link: str) -> str:
    return agent.run("/usr/bin/readlink", "-f", f"{Box(agent).state}/software/{link}").strip()


def _told(box: Box, *words: str) -> dict[str, Any]:
    return dict(json.loads(box.wardbox("update", *words, "--json", limit_s=_LONG_S)))


def _mount(agent: Agent) -> None:
    agent.run("/bin/mkdir", "-p", PLACE)
    agent.run("/bin/mount", "-o", "ro", f"LABEL={LABEL}", PLACE)


def _outcome(agent: Agent) -> dict[str, Any]:
    return _read(agent, "updates/outcome.json")


def _trial(agent: Agent) -> dict[str, Any]:
    """What the journal of the installer says."""
    return _read(agent, "software/journal.json")


def _read(agent: Agent, name: str) -> dict[str, Any]:
    said = agent.try_run("/bin/cat", f"{Box(agent).state}/{name}")
    return dict(json.loads(said.out)) if said.code == 0 else {}


def _journal(agent: Agent) -> str:
    """What the unit that works said since this start of the machine."""
    return agent.run(
        "/usr/bin/journalctl", "-b", "-u", _UNIT, "-o", "short-monotonic", "--no-hostname"
    )


def _property(agent: Agent, unit: str, name: str) -> str:
    words = ("show", f"{unit}.service", "--value", "-p", name)
    return agent.run("/usr/bin/systemctl", *words).strip()


def _boot(agent: Agent) -> str:
    return agent.run("/bin/cat", "/proc/sys/kernel/random/boot_id").strip()


def _entries(agent: Agent, ledger: Ledger) -> int:
    """How many entries the record has; it must be whole."""
    said = _box(agent).try_wardbox("audit", "verify", limit_s=_LONG_S)
    ledger.require("the record is whole", holds=said.code == 0, seen=said.text)
    return int(next(line for line in said.out.splitlines() if "entries  " in line).split()[-1])
