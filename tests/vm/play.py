"""The eight scenes in their order, over eight boots of one machine."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.vm import first_scenes as first
from tests.vm import keeping
from tests.vm import later_scenes as later
from tests.vm import update_scene as update
from tests.vm.agent import Agent, AgentSilentError
from tests.vm.ground_scene import looks_at_its_ground
from tests.vm.ledger import Ledger
from tests.vm.machine import BLANK, BOOT_S, ENROLLED, Boot, booted, make_disk, make_variables
from tests.vm.places import Places
from tests.vm.search import holds

Act = Callable[[Agent, Ledger], None]
_KVM_S = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One boot and what is seen during it.

    Args:
        name: as `--from` and `--to` take it.
        title: for the log.
        acts: in their order; each may rely on those before it.
        variables: which store of UEFI variables the machine boots with.
    """

    name: str
    title: str
    acts: tuple[Act, ...]
    variables: str = "enrolled"


SCENES = (
    Scene("1", "一、离线安装 installed offline", (first.install, first.sealed_to_tpm)),
    Scene(
        "2",
        "二、重启后自动解锁 opens by itself",
        (first.opens_by_itself, looks_at_its_ground, later.change_boot_chain),
    ),
    Scene(
        "3",
        "三、PCR 变化 a changed PCR: locked, recovery key, re-seal",
        (later.stays_locked,),
    ),
    Scene(
        "5",
        "五、重新密封之后;扩容;备份恢复到第二个空盘 after the re-seal; growth; a backup on a second blank disk",
        (later.opens_again, later.grows, later.make_backup, later.restore_on_second_disk),
    ),
    Scene(
        "6",
        "六、新版本从介质到启用 a release: from a stick into use, by the units",
        (update.sees_a_stick, update.takes_the_release),
    ),
    Scene(
        "7",
        "七、重启后为新版本;坏版本试运行中断电 in use after a restart; the power goes while a broken one is tried",
        (update.opens_as_the_release, update.power_goes_during_a_trial),
    ),
    Scene("8", "八、坏版本自动退回 the broken one is taken back", (update.takes_itself_back,)),
    Scene("4", "四、关闭安全启动 Secure Boot off", (later.without_secure_boot,), "blank"),
)
NAMES = tuple(scene.name for scene in SCENES)


class Play:
    """Plays what an earlier run of the same directory has not played.

    The machine is kept before each scene; a scene that was begun and not finished is played again on
    the machine as it was before it.

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
        self._stick = places.stick
        self._kvm = False

    def act(self, *, try_kvm: bool, until: str = NAMES[-1]) -> None:
        """The scenes up to the one that is named; after the last one the disks are searched."""
        if "disks" not in self._ledger.done():
            make_disk(self._places.disk("system"), "10500M", self._image)
            for name in ("vault", "second"):
                make_disk(self._places.disk(name), f"{later.VAULT_GIB}G")
            make_variables(self._places, "enrolled", ENROLLED)
            make_variables(self._places, "blank", BLANK)
            self._ledger.keep("disks", value=True)
        self._kvm = try_kvm and self._kvm_works()
        for scene in SCENES[: NAMES.index(until) + 1]:
            self._scene(scene)
        if until == NAMES[-1]:
            self._search_disks()

    def back_to(self, name: str) -> None:
        """Play this scene and those after it again, on the machine as it was before it."""
        if not keeping.is_kept(self._places, name):
            raise AgentSilentError(f"the machine before scene {name} was not kept in this run")
        for later_one in NAMES[NAMES.index(name) + 1 :]:
            keeping.forget(self._places, later_one)
        self._ledger.forget(*NAMES[NAMES.index(name) :])

    def _search_disks(self) -> None:
        """The machine is off: what a stolen disk tells."""
        text = first.PLANTED.encode()
        found = {name: holds(self._places.disk(name), text) for name in keeping.DISKS}
        self._ledger.require(
            "planted text is found where nothing is encrypted", holds=found["system"]
        )
        for name in ("vault", "second"):
            self._ledger.require(f"and not on the disk {name}", holds=not found[name])

    def _scene(self, scene: Scene) -> None:
        name = scene.name
        if name in self._ledger.done():
            self._ledger.say(f"== {name}: seen by an earlier run")
            return
        if keeping.is_kept(self._places, name):
            keeping.bring_back(self._places, name)
        else:
            keeping.keep(self._places, name)
        with self._ledger.scene(name, scene.title), self._machine(scene.variables) as agent:
            for act in scene.acts:
                act(agent, self._ledger)

    @contextlib.contextmanager
    def _machine(self, variables: str) -> Iterator[Agent]:
        boot = Boot(variables, ("vault", "second"), self._medium, self._kvm, self._stick)
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
