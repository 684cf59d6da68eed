"""Every note language by name: cataract in two tongues, and one for each further department."""

import functools

from models.errors import DepartmentUnknown
from models.reference.cataract.chinese import CHINESE
from models.reference.cataract.english import ENGLISH
from models.reference.departments.building import build
from models.reference.departments.medical import MEDICAL
from models.reference.departments.spec import Department
from models.reference.departments.special import SPECIAL
from models.reference.departments.surgical import SURGICAL
from models.reference.language import NoteLanguage


@functools.cache
def departments() -> dict[str, Department]:
    """The departments beside ophthalmology, by name, in a stable order."""
    return {each.name: each for each in (*MEDICAL, *SURGICAL, *SPECIAL)}


@functools.cache
def languages() -> dict[str, NoteLanguage]:
    """Note languages by name, in a stable order."""
    others = (build(each) for each in departments().values())
    return {each.name: each for each in (CHINESE, ENGLISH, *others)}


def language(name: str) -> NoteLanguage:
    """The note language of a name.

    Raises:
        DepartmentUnknown: there is none of that name.
    """
    found = languages().get(name)
    if found is None:
        raise DepartmentUnknown(department=name, known="、".join(languages()))
    return found
