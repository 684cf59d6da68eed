"""Routes of the capacity planner: what would fit, and how fast it would be."""

from fastapi import APIRouter

from appliance.api.deps import Box, ModelReader
from appliance.catalogue.planning import plan_model
from appliance.contract.planning import PlanView, PlanWish
from models.planning.inquiry import Inquiry

router = APIRouter(tags=["models"])


@router.post("/api/v1/models/plan")
def plan(wish: PlanWish, box: Box, _: ModelReader) -> PlanView:
    """Plan a known or shelved model on any cards: memory, layout, precision, speed, training."""
    inquiry = Inquiry(**wish.model_dump(exclude={"model"}))
    return PlanView.model_validate(plan_model(box.catalogue, wish.model, inquiry).to_json())
