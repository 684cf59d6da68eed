"""A plan: steps in order, applied, rehearsed, resumed after an interruption, or taken back."""

from collections.abc import Callable, Sequence

from installer.host import Host
from installer.journal import Journal
from installer.step import Step


class Plan:
    """Steps in their order. A step that is not needed is passed over, so that a plan can be repeated."""

    def __init__(
        self, steps: Sequence[Step], journal: Journal, stopwatch: Callable[[], float]
    ) -> None:
        self._steps = tuple(steps)
        self._journal = journal
        self._stopwatch = stopwatch

    def apply(self, host: Host) -> int:
        """Bring the machine to where every step is satisfied.

        Returns:
            How many steps had to act.

        Raises:
            InstallerError: from the step that could not; earlier steps stay done, the next run goes on.
        """
        acted = 0
        for number, step in enumerate(self._steps, 1):
            mark = f"[{number}/{len(self._steps)}]"
            if not step.needed():
                host.say(f"{mark} {step.title}: 已就绪 already so")
                continue
            host.say(f"{mark} {step.title} ...")
            began = self._stopwatch()
            self._journal.note(step.name, "begun")
            step.apply(host)
            self._journal.note(step.name, "done")
            host.say(f"{mark} {step.title}: 完成 done ({self._stopwatch() - began:.1f} s)")
            acted += 1
        return acted

    def rehearse(self, host: Host) -> int:
        """Tell what `apply` would do now; nothing is changed and nothing is journalled."""
        wanted = 0
        for number, step in enumerate(self._steps, 1):
            mark = f"[{number}/{len(self._steps)}]"
            if not step.needed():
                host.say(f"{mark} {step.title}: 已就绪 already so")
                continue
            host.say(f"{mark} {step.title}: 将执行 would act")
            step.apply(host)
            wanted += 1
        return wanted

    def undo(self, host: Host) -> None:
        """Take every step back, last first."""
        for step in reversed(self._steps):
            host.say(f"[-] {step.title}: 撤销 undoing")
            step.undo(host)
