"""Plans for models on the shelf as well as for known ones."""

from appliance.catalogue.service import CatalogueService
from models.errors import ModelUnknown
from models.known.subject import named_subject, stored_subject
from models.planning.inquiry import Answer, Inquiry, answer


def plan_model(catalogue: CatalogueService, model: str, inquiry: Inquiry) -> Answer:
    """Plans a model of the shelf, or one that is known by name.

    A path is never taken here: who calls from outside must not probe the box's files.

    Raises:
        ModelsError: The model is neither, or what is asked cannot be.
    """
    try:
        shelved = catalogue.get(model)
    except ModelUnknown:
        return answer(named_subject(model), inquiry)
    return answer(stored_subject(shelved.card.id, shelved.path), inquiry)
