"""What the machine stands on: the firmware checks inside it, and its event log against its TPM."""

import json

from tests.vm.agent import Agent
from tests.vm.box import Box
from tests.vm.ledger import Ledger

LOG = "/sys/kernel/security/tpm0/binary_bios_measurements"
_LONG_S = 600.0
_SHOWN = 8


def looks_at_its_ground(agent: Agent, ledger: Ledger) -> None:
    """Part of scene 2: the report is kept; what started the machine is what its TPM holds."""
    box = Box(agent)
    said = box.try_wardbox("firmware", "eventlog", LOG, "--tpm", "--json", limit_s=_LONG_S)
    ledger.require(
        "the event log leads to the TPM's registers", holds=said.code == 0, seen=said.text
    )
    told = json.loads(said.out)
    programs = [one["words"] for one in told["events"] if "APPLICATION" in one["type"]]
    ledger.require("it names the programs that started", holds=bool(programs), seen=said.text)
    for words in programs[:_SHOWN]:
        ledger.say(f"     {words}")
    said = box.try_wardbox("firmware", "check", "--json", limit_s=_LONG_S)
    # An emulated machine has findings, and an emulated processor lets probes run out of time.
    ledger.require("the firmware checks report", holds=said.code in {0, 1, 2}, seen=said.text)
    report = json.loads(said.out)
    outcomes = {one["id"]: one["outcome"] for one in report["checks"]}
    for name in ("tpm.event-log", "secure-boot.on", "disk.sealed"):
        ledger.require(f"{name} does not fail", holds=outcomes[name] != "fail", seen=outcomes[name])
    ledger.keep("firmware report", report)
    counts = ", ".join(f"{name} {number}" for name, number in report["counts"].items())
    ledger.say(f"     level {report['posture']['level']}: {counts}")
