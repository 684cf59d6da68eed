"""Scenes 3 to 5: a changed PCR, growth, a backup restored on a second disk, and Secure Boot turned off."""

from tests.vm.agent import Agent
from tests.vm.box import Box
from tests.vm.first_scenes import register, secure_boot
from tests.vm.ledger import Ledger

VAULT_GIB = 12
SECOND = "/dev/vdc"
RESTORED = "/var/lib/wardbox-restored"
_BACKUPS = "/srv/backups"
_LONG_S = 600.0
_MORE_GIB = 4
_GIB = 1 << 30
_VAULT_NUMBER = 1
_FLAG = "/etc/changed-firmware"


def _secret(ledger: Ledger, name: str) -> str:
    secrets = ledger.done()["secrets"]
    return str(dict(secrets)[name]) + "\n"  # type: ignore[call-overload]


def change_boot_chain(agent: Agent, ledger: Ledger) -> None:
    """From the next boot on PCR 7 is another one, as after a change of the firmware's keys."""
    ledger.keep("sound PCR 7", register(agent, 7))
    agent.write(_FLAG, b"")
    agent.run("/bin/sync")


def stays_locked(agent: Agent, ledger: Ledger) -> None:
    """Scene 3, first half: another PCR 7, so the TPM gives nothing; the paper still opens the box."""
    box = Box(agent)
    now, before = register(agent, 7), str(ledger.done()["sound PCR 7"])
    ledger.require("PCR 7 is another one", holds=now != before, seen=now)
    state = box.vault()
    ledger.require("the vault stays locked", holds=state == "locked", seen=state)
    told = box.try_wardbox("vault", "status").text
    ledger.say("     " + told.replace("\n", "\n              "))
    wrong = box.try_wardbox("vault", "unlock", given="not the key at all\n")
    ledger.require("a wrong secret is refused", holds=wrong.code == 1, seen=wrong.text)
    box.wardbox("vault", "unlock", given=_secret(ledger, "recovery"), limit_s=_LONG_S)
    ledger.require("the recovery key opens it", holds=box.vault() == "unlocked")
    said = box.try_wardbox("vault", "slots", "reseal", given=_secret(ledger, "recovery"))
    ledger.require("the TPM slot is sealed anew", holds=said.code == 0, seen=said.text)


def opens_again(agent: Agent, ledger: Ledger) -> None:
    """Scene 3, second half: after another restart the new seal holds."""
    state = Box(agent).await_unlocked()
    ledger.require("the vault opened by itself again", holds=state == "unlocked", seen=state)


def grows(agent: Agent, ledger: Ledger) -> None:
    """The disk of the vault is made larger while the box serves from it."""
    box = Box(agent)
    before = _size(agent, box)
    agent.monitor.enlarge(_VAULT_NUMBER, (VAULT_GIB + _MORE_GIB) * _GIB)
    said = box.try_wardbox("storage", "grow")
    ledger.require("wardbox storage grow succeeds", holds=said.code == 0, seen=said.text)
    after = _size(agent, box)
    grown = f"{before / _GIB:.1f} GiB -> {after / _GIB:.1f} GiB"
    # A file system keeps one or two per cent for itself.
    ledger.require(
        "the vault is larger", holds=after - before > 0.95 * _MORE_GIB * _GIB, seen=grown
    )
    ledger.require("and open as before", holds=box.vault() == "unlocked")
    ledger.say(f"     {grown}")


def _size(agent: Agent, box: Box) -> int:
    told = agent.run("/bin/df", "--block-size=1", "--output=size", f"{box.state}/vault")
    return int(told.split()[-1])


def without_secure_boot(agent: Agent, ledger: Ledger) -> None:
    """Scene 4: anybody's kernel could run now, so the vault stays locked; the boot completes."""
    ledger.require("Secure Boot is off", holds=not secure_boot(agent))
    ledger.require("the vault stays locked", holds=Box(agent).vault() == "locked")
    state = agent.try_run("/usr/bin/systemctl", "is-system-running", "--wait", limit_s=_LONG_S).text
    reached = agent.run("/usr/bin/systemctl", "is-active", "multi-user.target").strip()
    ledger.require("the boot completes", holds=reached == "active", seen=state)


def make_backup(agent: Agent, ledger: Ledger) -> None:
    """Before scene 5: a backup of the open box, while it serves."""
    box = Box(agent)
    agent.run("/bin/mkdir", "-p", "-m", "700", _BACKUPS)
    box.wardbox("backup", "target", "add", "disk", "directory", _BACKUPS)
    said = box.try_wardbox("backup", "create", limit_s=_LONG_S)
    ledger.require("a backup is made while it serves", holds=said.code == 0, seen=said.text)
    ledger.say("     " + said.text.replace("\n", "\n              "))


def restore_on_second_disk(agent: Agent, ledger: Ledger) -> None:
    """Scene 5: out of the backup and the recovery key, on a blank disk, with the same record."""
    blank = agent.try_run("/usr/sbin/blkid", "--probe", SECOND).code
    ledger.require("the second disk is blank", holds=blank == 2, seen=str(blank))
    fresh = Box(agent, RESTORED)
    agent.run("/bin/mkdir", "-p", "-m", "700", RESTORED)
    ledger.say("     " + fresh.wardbox("storage", "choose", f"luks:{SECOND}").splitlines()[0])
    # The recovery key, and an empty line: the new passphrase is made.
    given = _secret(ledger, "recovery") + "\n"
    said = fresh.try_wardbox("backup", "restore", "--from", _BACKUPS, given=given, limit_s=_LONG_S)
    ledger.require("the backup is restored on it", holds=said.code == 0, seen=said.text)
    kind = agent.run("/usr/sbin/blkid", "-o", "value", "-s", "TYPE", SECOND).strip()
    ledger.require("the second disk is LUKS", holds=kind == "crypto_LUKS", seen=kind)
    for line in said.out.splitlines()[:4]:
        ledger.say(f"     {line}")
    # Both boxes have the same address: the first one gives way.
    agent.run("/usr/bin/systemctl", "stop", "wardbox", limit_s=_LONG_S)
    fresh.wardbox("supervise", "--detach", limit_s=_LONG_S)
    ledger.require("the restored box is locked", holds=fresh.vault() == "locked")
    fresh.wardbox("vault", "unlock", given=_secret(ledger, "recovery"), limit_s=_LONG_S)
    ledger.require("the recovery key opens it", holds=fresh.vault() == "unlocked")
    told = fresh.wardbox("status")
    ledger.require("its record is whole", holds="integrity ok" in told, seen=told)
    ledger.say("     " + told.replace("\n", "\n              "))
    # As after every lawful restore; the TPM forgets the counter of the box that was backed up.
    fresh.wardbox("audit", "witness", "renew", limit_s=_LONG_S)
    fresh.wardbox("supervise", "--stop", limit_s=_LONG_S)
