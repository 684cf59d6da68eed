"""The OpenAPI document, for callers who are known."""

from typing import Any

from fastapi import APIRouter, Request

from appliance.api.deps import Caller

router = APIRouter(tags=["docs"])


@router.get("/api/v1/openapi.json")
def openapi(request: Request, _: Caller) -> dict[str, Any]:
    """The OpenAPI document of this box."""
    document: dict[str, Any] = request.app.openapi()
    return document
