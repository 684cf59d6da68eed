"""Routes of the alerts: what is raised, what was, and who took note."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query

from appliance.api.deps import AlertReader, AlertWriter, TheFront
from appliance.api.views import alert_view
from appliance.contract.telemetry import Alert, AlertList, AlertQuery
from appliance.telemetry.errors import AlertNeedsPerson

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


@router.get("")
def alerts(wish: Annotated[AlertQuery, Query()], front: TheFront, _: AlertReader) -> AlertList:
    """Alerts that are raised, oldest first; `?state=all` for the latest, newest first."""
    service = front.watch.alerts
    found = service.raised() if wish.state == "raised" else service.newest(wish.limit)
    return AlertList(alerts=tuple(alert_view(one) for one in found[: wish.limit]))


@router.post("/{alert}/acknowledge")
async def acknowledge(
    alert: Annotated[int, Path(ge=1, le=2**62)], front: TheFront, who: AlertWriter
) -> Alert:
    """Take note of an alert; a person does this, never a key."""
    if who.key_id is not None:
        raise AlertNeedsPerson
    taken = await asyncio.to_thread(front.watch.alerts.acknowledge, alert, who.actor)
    front.watch.tell_alert(taken)
    return alert_view(taken)
