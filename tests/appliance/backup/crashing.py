"""A process that is killed at a chosen step, and the steps counted."""

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from appliance.backup.objects import PART
from appliance.backup.target import DirectoryTarget
from tests.appliance.backup.conftest import PlainFiles


class Killer:
    """Kills this process, as `kill -9` does, when the chosen step is reached.

    Args:
        at: the step, from 1.
    """

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def told(self, phase: str, done: int, total: int) -> None:
        del phase, done, total
        self.step()


class CrashingTarget(DirectoryTarget):
    """Steps before each change, with half of it written, and after it."""

    def __init__(self, root: Path, killer: Killer) -> None:
        super().__init__(root)
        self._killer = killer

    def write(self, name: str, content: bytes | bytearray) -> None:
        self._killer.step()
        path = Path(self.place) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + PART)
        part.write_bytes(content[: len(content) // 2])
        self._killer.step()
        super().write(name, content)
        self._killer.step()

    def delete(self, name: str) -> None:
        self._killer.step()
        super().delete(name)
        self._killer.step()


class CrashingFiles(PlainFiles):
    """Steps around everything that a mount does."""

    def __init__(self, killer: Killer) -> None:
        self._killer = killer

    def prepare(self, key: bytes) -> None:
        self._killer.step()

    def mount(self, key: bytes) -> None:
        self._killer.step()

    def tell(self, slots: object) -> None:
        self._killer.step()

    def unmount(self) -> None:
        self._killer.step()


def killed_at(step: int, work: Callable[[Killer], object]) -> bool:
    """Run `work` in a process of its own; whether it was killed at that step.

    Raises:
        AssertionError: it ended in any other way than done or killed.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(Killer(step))
            status = 0
        except BaseException:  # noqa: BLE001  # told, and the status says the rest
            traceback.print_exc()
        finally:
            os._exit(status)
    _, how = os.waitpid(child, 0)
    if os.WIFSIGNALED(how):
        assert os.WTERMSIG(how) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(how) == 0
    return False


def every_step(
    work: Callable[[Killer], object], check: Callable[[int], None], stride: int = 1
) -> int:
    """Kill at each step in turn until the work is done; how many steps that were."""
    step = 1
    while killed_at(step, work):
        check(step)
        step += stride
    return step - 1
