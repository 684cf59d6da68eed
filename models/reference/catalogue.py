"""Every note language by name: cataract in two tongues, and one for each further department."""

import functools

from models.errors import DepartmentUnknown
from models.reference.cataract.chinese import CHINESE
from models.reference.language import NoteLanguage


@functools.cache
def languages() -> dict[str, NoteLanguage]:
    """Note languages by name, in a stable order."""
    return {each.name: each for each in (CHINESE,)}


def language(name: str) -> NoteLanguage:
    """The note language of a name.

    Raises:
        DepartmentUnknown: there is none of that name.
    """
    found = languages().get(name)
    if found is None:
        raise DepartmentUnknown(department=name, known="、".join(languages()))
    return found
