"""Plans of shelved models: their own header counts, and a path is never a model's name."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.catalogue.planning import plan_model
from models.errors import ModelUnknown
from models.planning.errors import ModelNotKnown
from models.planning.inquiry import Inquiry

REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model/wardbox-reference.gguf"


class Catalogue:
    """The part of the catalogue that planning asks."""

    def get(self, model_id: str):
        if model_id != "house-model":
            raise ModelUnknown(model_id=model_id)
        return SimpleNamespace(card=SimpleNamespace(id=model_id), path=REFERENCE)


def test_a_shelved_model_is_planned_as_it_is_stored() -> None:
    found = plan_model(Catalogue(), "house-model", Inquiry("L20"))
    assert found.model == "house-model"
    assert found.serving.chosen.precision.gguf
    assert found.serving.question.context == 2048


def test_a_name_that_is_not_shelved_may_be_known() -> None:
    assert plan_model(Catalogue(), "qwen3-32b", Inquiry("8x H20")).model == "Qwen3-32B"


@pytest.mark.parametrize("name", [str(REFERENCE), "../house-model", "/etc", "."])
def test_a_path_is_no_name(name: str) -> None:
    with pytest.raises(ModelNotKnown):
        plan_model(Catalogue(), name, Inquiry("L20"))
