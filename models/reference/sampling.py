"""Sampling of invented records: a patient, a cataract admission, a sheet of any department."""

import random

from models.reference.catalogue import departments, language
from models.reference.cataract.sampling import sample_facts
from models.reference.cataract.values import sheet_of
from models.reference.departments.drawing import draw
from models.reference.language import Sheet
from models.reference.people import sample_patient

__all__ = ["sample_facts", "sample_patient", "sample_sheet"]


def sample_sheet(
    rng: random.Random,
    name: str,
    difficulty: str = "ordinary",
    split: str = "train",
) -> Sheet:
    """A sheet in the note language of that name.

    Raises:
        DepartmentUnknown: there is no such note language.
    """
    if name in departments():
        return draw(rng, departments()[name], difficulty, split)
    spoken = language(name)
    return sheet_of(sample_facts(rng, difficulty, split), spoken.tongue)
