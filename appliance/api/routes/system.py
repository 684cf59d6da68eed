"""Routes of the box itself: health, identity, overview."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from appliance.api.deps import Box, Permit, SystemReader, TheFront
from appliance.api.overview import health_of, host_of, info_of, jobs_of
from appliance.api.report_views import posture_summary
from appliance.api.views import accelerator_view, engine_view, traffic_view
from appliance.contract.system import DeepHealth, Health, Info, Overview

router = APIRouter(prefix="/api/v1/system", tags=["system"])


@router.get("/health")
async def health(
    request: Request, front: TheFront, *, deep: Annotated[bool, Query()] = False
) -> Health:
    """Whether the box can answer; `?deep=1` (needs a key) has the engine write one token."""
    if not deep:
        return health_of(front)
    Permit("system:read")(request)
    found = await front.opened().serving.deep_health()
    told = DeepHealth(ok=found.ok, latency_ms=found.latency_ms, reason=found.problem or None)
    return health_of(front, told)


@router.get("/info")
def info(front: TheFront, box: Box, _: SystemReader) -> Info:
    """Who this box is."""
    return info_of(front, box)


@router.get("/overview")
def overview(front: TheFront, box: Box, _: SystemReader) -> Overview:
    """Everything on the first screen of the console."""
    now = front.clock()
    hardware = box.hardware()
    return Overview(
        time=now,
        uptime_s=(now - front.started).total_seconds(),
        info=info_of(front, box),
        health=health_of(front),
        posture=posture_summary(box.posture.last()),
        engines=tuple(engine_view(one) for one in box.serving.status()),
        accelerators=tuple(accelerator_view(card) for card in hardware.accelerators),
        host=host_of(front.layout, hardware.cpu.model),
        traffic=traffic_view(box.serving.traffic.picture()),
        jobs=jobs_of(box),
        integrity=front.integrity.view(box.log),
    )
