"""The watch over the box: counters, event stream and alerts, fed every second while it is open."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from appliance.api.engine_watch import EngineWatch
from appliance.api.gathering import Seen, gather
from appliance.api.integrity import Integrity
from appliance.api.statuses import STATUS
from appliance.errors import ApplianceError, VaultLocked
from appliance.services.open_box import Services
from appliance.services.version import VERSION
from appliance.settings.layout import StateLayout
from appliance.settings.model import Settings
from appliance.telemetry.alerts import AlertService
from appliance.telemetry.commits import Commits
from appliance.telemetry.exposition import Picture
from appliance.telemetry.facts import Facts
from appliance.telemetry.hub import EventHub
from appliance.telemetry.kernel_log import KernelLog
from appliance.telemetry.observed import Observed
from appliance.telemetry.store import Alert, AlertStore
from appliance.telemetry.tracing import TracedObserved, start_traces
from models.errors import ModelsError

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_JUDGE_S: Final = 15.0
_FRESH_S: Final = 1.0
_STEP_S: Final = 2.0
_HOUR_S: Final = 3600.0
_LATEST: Final = 64
_LATEST_UPDATES: Final = 8


class Watch:
    """What is counted and told of a box; it lives as long as the process, locked or not.

    Args:
        settings: read once; names a collector of traces, if any.
        layout: where the state lies.
        vault: the state of the vault in a word.
        integrity: remembers the last verification of the audit log.
        clock: UTC.

    Raises:
        TracesRefused: traces would leave the hospital.
    """

    def __init__(
        self,
        settings: Settings,
        layout: StateLayout,
        vault: Callable[[], str],
        integrity: Integrity,
        clock: Callable[[], datetime],
    ) -> None:
        mine = settings.telemetry
        self._traces = start_traces(
            mine.traces_endpoint, settings.box.id, VERSION, mine.traces_share
        )
        codes = tuple(STATUS)
        self.observed = (
            Observed(codes=codes)
            if self._traces is None
            else TracedObserved(self._traces, codes=codes)
        )
        self.commits = Commits()
        self._clock = clock
        self.hub = EventHub(self._now)
        self._layout = layout
        self._vault = vault
        self._integrity = integrity
        self._kernel = KernelLog(self._now)
        self._engines = EngineWatch(time.monotonic)
        self._box: Services | None = None
        self._alerts: AlertService | None = None
        self._task: asyncio.Task[None] | None = None
        self._facts: tuple[float, Facts] | None = None
        self._looking = asyncio.Lock()
        self._jobs: dict[str, str] | None = None
        self._update: datetime | None = None
        self._ticked: tuple[float, float] | None = None
        self._steps: deque[tuple[float, float]] = deque(maxlen=64)

    @property
    def alerts(self) -> AlertService:
        """The alerts. Raises VaultLocked."""
        if self._alerts is None:
            raise VaultLocked
        return self._alerts

    async def opened(self, box: Services) -> None:
        """Begin to watch the services of an opened vault."""
        self._box = box
        box.log.told = self.commits.committed
        self.observed.admit_models(
            lambda model: any(model == m.model for m in box.serving.status())
        )
        store = AlertStore(box.db)
        self._alerts = await asyncio.to_thread(AlertService, store, box.log, self._now)
        self._jobs = None
        self._update = self._clock()
        self._facts = None
        self.hub.tell("vault", "vault", {"state": "unlocked"})
        self._begin(box)

    async def closed(self) -> None:
        """Stop watching; what was counted stays. Comes before the services are closed."""
        if self._box is not None:
            self.hub.tell("vault", "vault", {"state": "locked"})
        task, self._box, self._task = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._alerts = self._facts = None

    async def close(self) -> None:
        """Let go of what outlives a vault: the kernel's log, and traces not yet sent."""
        self._kernel.close()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)

    async def picture(self) -> Picture:
        """What a scrape is made from; facts are a second old at most."""
        facts = await self.facts()
        alerts = () if self._alerts is None else tuple(self._alerts.raised())
        return Picture(self.observed, self.commits, facts, alerts, self.hub.followers)

    async def facts(self) -> Facts:
        """The facts of this second; who asks at the same time shares them."""
        async with self._looking:
            now = time.monotonic()
            if self._facts is not None and now - self._facts[0] < _FRESH_S:
                return self._facts[1]
            box = self._box
            engines = None if box is None else self._engines.facts(box.serving.status())
            seen = Seen(
                self._now(), self._vault(), self._largest_step(), engines, self._kernel.xids()
            )
            facts = await asyncio.to_thread(gather, seen, self._layout, box, self._integrity)
            self._facts = (now, facts)
            return facts

    async def judge(self) -> list[Alert]:
        """Hold the rules against the facts of this second and tell what changed."""
        service = self.alerts
        changed = await asyncio.to_thread(service.judge, await self.facts())
        for alert in changed:
            self.tell_alert(alert)
        return changed

    def tell_alert(self, alert: Alert) -> None:
        """Put a change of an alert on the event stream."""
        state = "raised" if alert.cleared is None else "cleared"
        data = {"rule": alert.rule, "severity": alert.severity, "subject": alert.subject}
        acknowledged = alert.acknowledged is not None
        text = {"state": state, "acknowledged": acknowledged, "zh": alert.zh, "en": alert.en}
        self.hub.tell("alert", str(alert.id), {**data, **text})

    def _begin(self, box: Services, after_s: float = 0.0) -> None:
        self._task = asyncio.create_task(self._live(box, after_s), name="watch")
        self._task.add_done_callback(partial(self._ended, box))

    def _ended(self, box: Services, task: asyncio.Task[None]) -> None:
        """A fault of one look must not end the alerts of a box for good."""
        if not task.cancelled():
            _LOG.error("watch", exc_info=task.exception())
            if self._box is box:
                self._begin(box, _LOOK_S)

    async def _live(self, box: Services, after_s: float) -> None:
        await asyncio.sleep(after_s)
        judged = -_JUDGE_S
        while True:
            try:
                await self._look(box)
                if time.monotonic() - judged >= _JUDGE_S:
                    judged = time.monotonic()
                    await self.judge()
                    await self._look_for_updates(box)
            except (ApplianceError, ModelsError, OSError) as error:
                # A full disk or a torn mount is what the watch is there to tell: it goes on.
                _LOG.warning("watch", exc_info=error)
            await asyncio.sleep(_LOOK_S)

    async def _look(self, box: Services) -> None:
        self._note_step()
        for model, data in self._engines.changes(box.serving.status()):
            self.hub.tell("engine", model, data)
        latest = await asyncio.to_thread(box.jobs.list, _LATEST)
        now = {job.id: str(job.state) for job in latest}
        before, self._jobs = self._jobs, now
        for job in reversed(latest):
            if before is not None and before.get(job.id) != now[job.id]:
                self.hub.tell("job", job.id, {"kind": job.kind, "state": now[job.id]})

    async def _look_for_updates(self, box: Services) -> None:
        since = self._update
        for seen in reversed(await asyncio.to_thread(box.updates.list, _LATEST_UPDATES)):
            if since is None or seen.time > since:
                self._update = seen.time
                data = {"kind": seen.kind, "state": seen.state, "version": seen.version}
                self.hub.tell("update", seen.id, data)

    def _note_step(self) -> None:
        """A jump of the wall clock against the monotonic one, which nobody can set."""
        wall, steady = self._now(), time.monotonic()
        if self._ticked is not None:
            step = (wall - self._ticked[0]) - (steady - self._ticked[1])
            if abs(step) > _STEP_S:
                self._steps.append((steady, step))
        self._ticked = (wall, steady)

    def _largest_step(self) -> float:
        since = time.monotonic() - _HOUR_S
        return max((step for at, step in self._steps if at > since), key=abs, default=0.0)

    def _now(self) -> float:
        return self._clock().timestamp()
