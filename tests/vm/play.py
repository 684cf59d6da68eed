"""The five scenes in their order, over six boots of one machine."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.vm import first_scenes as first
from tests.vm import later_scenes as later
from tests.vm.agent import Agent, AgentSilentError
from tests.vm.ledger import Ledger
from tests.vm.machine import BLANK, BOOT_S, ENROLLED, Boot, booted, make_disk, make_variables
from tests.vm.places import Places
from tests.vm.search import holds

Act = Callable[[Agent, Ledger], None]
_KVM_S = 60.0
_VAULT_GIB = 12


class Play:
    """Plays what an earlier run of the same directory has not played.

    Args:
        places: where the run is.
        ledger: what was seen.
        image: the system disk, which stays as it is.
        medium: the software.
    """

    def __init__(self, places: Places, ledger: Ledger, image: Path, medium: Path) -> None:
        self._places = places
        self._ledger = ledger
        self._image = image
        self._medium = medium
        self._kvm = False

    def act(self, *, try_kvm: bool) -> None:
        """All five scenes."""
        if "disks" not in self._ledger.done():
            make_disk(self._places.disk("system"), "10500M", self._image)
            for name in ("vault", "second"):
                make_disk(self._places.disk(name), f"{_VAULT_GIB}G")
            make_variables(self._places, "enrolled", ENROLLED)
            make_variables(self._places, "blank", BLANK)
            self._ledger.keep("disks", value=True)
        self._kvm = try_kvm and self._kvm_works()
        self._scene("1", "一、离线安装 installed offline", first.install, first.seal_to_tpm)
        self._scene(
            "2",
            "二、重启后自动解锁 opens by itself",
            first.opens_by_itself,
            later.change_boot_chain,
        )
        self._scene(
            "3a", "三、PCR 变化 a changed PCR: locked, recovery key, re-seal", later.stays_locked
        )
        self._scene("3b", "三、重新密封之后 after the re-seal", later.opens_again, later.make_backup,
                    later.restore_on_second_disk)  # fmt: skip
        self._scene(
            "4", "四、关闭安全启动 Secure Boot off", later.without_secure_boot, variables="blank"
        )

        self._search_disks()

    def _search_disks(self) -> None:
        """The machine is off: what a stolen disk tells."""
        text = first.PLANTED.encode()
        found = {
            name: holds(self._places.disk(name), text) for name in ("system", "vault", "second")
        }
        self._ledger.require(
            "planted text is found where nothing is encrypted", holds=found["system"]
        )
        for name in ("vault", "second"):
            self._ledger.require(f"and not on the disk {name}", holds=not found[name])

    def _scene(self, name: str, title: str, *acts: Act, variables: str = "enrolled") -> None:
        if name in self._ledger.done():
            self._ledger.say(f"== {name}: seen by an earlier run")
            return
        with self._ledger.scene(name, title), self._machine(variables) as agent:
            for act in acts:
                act(agent, self._ledger)

    @contextlib.contextmanager
    def _machine(self, variables: str) -> Iterator[Agent]:
        boot = Boot(variables, ("vault", "second"), self._medium, self._kvm)
        with booted(self._places, boot) as agent:
            self._ledger.say(f"   booted in {agent.await_boot(BOOT_S):.0f} s")
            yield agent

    def _kvm_works(self) -> bool:
        """Boot once and see: a /dev/kvm that opens may still hang, or lack what Secure Boot needs."""
        if not Path("/dev/kvm").exists():
            return False
        began = time.monotonic()
        boot = Boot("enrolled", ("vault", "second"), self._medium, kvm=True)
        try:
            with booted(self._places, boot) as agent:
                agent.await_boot(_KVM_S)
        except AgentSilentError:
            took = time.monotonic() - began
            self._ledger.say(f"KVM does not boot this machine ({took:.0f} s): emulated instead")
            return False
        self._ledger.say("KVM works")
        return True
