"""The route of Prometheus: counters and gauges of the box, without a name of anybody."""

import asyncio

from fastapi import APIRouter, Response

from appliance.api.deps import MetricsReader, TheFront
from appliance.telemetry.exposition import CONTENT_TYPE, render

router = APIRouter(tags=["system"])


@router.get("/metrics", response_class=Response)
async def metrics(front: TheFront, _: MetricsReader) -> Response:
    """Every metric in Prometheus' text format; the local socket may ask while the vault is locked."""
    text = await asyncio.to_thread(render, await front.watch.picture())
    return Response(text, media_type=CONTENT_TYPE)
