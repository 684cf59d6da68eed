"""Scene 1: installed offline on a blank disk. Scene 2: after a restart the vault opens by itself."""

from tests.vm.agent import Agent
from tests.vm.box import HOUSE, Box, secrets_on
from tests.vm.ledger import Ledger

VAULT = "/dev/vdb"
ANSWERS = f"""\
hospital = "整机测试 Whole-machine test"
storage = "luks:{VAULT}"
secrets_file = "secrets.txt"
# An emulated processor writes for a quarter of an hour what takes seconds otherwise.
trial_note = false
"""
_INSTALL = "/srv/install"
PLANTED = "PLANTED-PLAINTEXT-OF-A-PATIENT-8f1c2ab97e"
_INSTALL_S = 900.0
_BLOCK = 4096
_HEADER_BLOCKS = (16 << 20) // _BLOCK
"""What LUKS2 keeps for its header before the first encrypted byte."""


def secure_boot(agent: Agent) -> bool:
    """What the firmware says."""
    said = agent.run("/usr/bin/od", "-An", "-tu1", *_variable("SecureBoot"))
    return said.split()[-1] == "1"


def _variable(name: str) -> tuple[str]:
    return (f"/sys/firmware/efi/efivars/{name}-8be4df61-93ca-11d2-aa0d-00e098032b8c",)


def register(agent: Agent, number: int) -> str:
    """One register of the TPM's SHA-256 bank."""
    return agent.run("/bin/cat", f"/sys/class/tpm/tpm0/pcr-sha256/{number}").strip().lower()


def install(agent: Agent, ledger: Ledger) -> None:
    """Scene 1: no network, one blank disk, one medium; at the end the box has drafted a note."""
    ledger.require("Secure Boot is on", holds=secure_boot(agent))
    links = agent.run("/bin/ls", "/sys/class/net").split()
    ledger.require("there is no network", holds=links == ["lo"], seen=str(links))
    agent.run("/bin/mkdir", "-p", _INSTALL)
    agent.write(f"{_INSTALL}/answers.toml", ANSWERS.encode())
    said = agent.try_run(
        f"{HOUSE}/install.sh", "--answers", f"{_INSTALL}/answers.toml", limit_s=_INSTALL_S
    )
    for line in said.out.splitlines():
        if line.startswith("["):
            ledger.say(f"     {line}")
    ledger.require("install.sh succeeds", holds=said.code == 0, seen=said.text)
    secrets = secrets_on(agent.run("/bin/cat", f"{_INSTALL}/secrets.txt"))
    ledger.keep("secrets", secrets)
    box = Box(agent)
    ledger.require("the vault is open", holds=box.vault() == "unlocked")
    kind = agent.run("/usr/sbin/blkid", "-o", "value", "-s", "TYPE", VAULT).strip()
    ledger.require("the disk is LUKS", holds=kind == "crypto_LUKS", seen=kind)
    mounted = agent.run("/bin/findmnt", "-no", "SOURCE,FSTYPE,OPTIONS", f"{box.state}/vault")
    safe = all(word in mounted for word in ("/dev/mapper/wardbox-", "nodev", "nosuid", "noexec"))
    ledger.require("it is mounted where nothing on it can run", holds=safe, seen=mounted)
    ledger.say(f"     {mounted.strip()}")
    ledger.say(f"     PCR 7 = {register(agent, 7)}")
    for place in (f"{box.state}/vault/files/shelf/planted.txt", "/srv/planted-in-the-open.txt"):
        agent.write(place, PLANTED.encode() * 1000)
    agent.run("/bin/sync")
    _shows_inside_only(
        agent, ledger, f"{box.state}/vault/files/shelf/planted.txt", mounted.split()[0]
    )


def _shows_inside_only(agent: Agent, ledger: Ledger, path: str, mapping: str) -> None:
    """The very block of a planted file: read without the encryption, and as it lies on the disk."""
    told = agent.run("/usr/sbin/filefrag", "-v", f"-b{_BLOCK}", path)
    place = int(
        next(line for line in told.splitlines() if "last" in line).split(":")[2].split(".")[0]
    )
    inside = _block(agent, mapping, place)
    ledger.require("without the encryption the planted text is seen", holds=PLANTED in inside)
    outside = _block(agent, VAULT, place + _HEADER_BLOCKS)
    ledger.require("with it, it is not", holds=PLANTED not in outside, seen=outside)


def _block(agent: Agent, device: str, number: int) -> str:
    words = (f"if={device}", f"bs={_BLOCK}", f"skip={number}", "count=1", "iflag=direct")
    return agent.run("/bin/dd", *words, "status=none")


def sealed_to_tpm(agent: Agent, ledger: Ledger) -> None:
    """The rest of scene 1: the installation made the TPM a way to open the vault."""
    slots = Box(agent).view()["slots"]
    ledger.require("the TPM is one of its slots", holds="tpm" in slots, seen=str(slots))


def opens_by_itself(agent: Agent, ledger: Ledger) -> None:
    """Scene 2: nobody types anything."""
    state = Box(agent).await_unlocked()
    ledger.require("the vault opened by itself", holds=state == "unlocked", seen=state)
    told = Box(agent).wardbox("status")
    ledger.require("its record is whole", holds="integrity ok" in told, seen=told)
    ledger.say("     " + told.replace("\n", "\n              "))
