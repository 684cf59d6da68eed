"""Which model a person means: a known name, a folder with config.json, or a GGUF file."""

from pathlib import Path
from typing import Final

from models.errors import ModelsError
from models.formats.gguf import read_gguf
from models.formats.gguf_parts import join_parts
from models.formats.refusals import quoted
from models.known.catalogue import known_model, similar_models
from models.planning.config import read_document, shape_of_config
from models.planning.errors import ModelNotKnown
from models.planning.header import read_header
from models.planning.inquiry import Subject
from models.planning.precision import Precision
from models.planning.settled import settled_precision
from models.planning.shape import ModelShape

_NONE: Final = "—"


def named_subject(name: str) -> Subject:
    """A known model by its name.

    Raises:
        ModelNotKnown: It is not known; `facts` hold similar names.
    """
    known = known_model(name)
    if known is None:
        similar = ", ".join(similar_models(name)) or _NONE
        raise ModelNotKnown(model=quoted(name), similar=similar)
    return Subject(known.id, known.shape, pooling=known.purpose != "chat")


def stored_subject(name: str, path: Path) -> Subject:
    """A model that lies somewhere: only its settings or its header are read.

    Raises:
        ModelsError: It is no folder with a config.json and no GGUF, or it is malformed.
    """
    if path.is_dir():
        # Hubs keep the parts of one file in a folder of their own.
        files = sorted(path.glob("*.gguf")) or sorted(path.glob("*/*.gguf"))
        if not files or (path / "config.json").exists():
            return _of_config(name, path)
        if len(files) > 1:
            join_parts({file.relative_to(path).as_posix(): read_gguf(file) for file in files})
        path = files[0]
    if path.suffix.lower() == ".json":
        return _of_config(name, path)
    shape, size = read_header(path)
    each = size / shape.parameters
    return Subject(name, shape, Precision("gguf", each, each, "fp16", 0, gguf=True))


def _of_config(name: str, path: Path) -> Subject:
    document = read_document(path)
    return Subject(name, shape_of_config(document), settled_precision(document))


def whole_shape(path: Path) -> ModelShape | None:
    """The shape of a model that lies somewhere; None where its settings do not tell it.

    Placement plans without it, but then takes latent attention, windows and experts for plain.
    """
    try:
        return stored_subject(path.name, path).shape
    except ModelsError:
        return None


def find_subject(model: str) -> Subject:
    """Takes a path where there is one, else a known name.

    Raises:
        ModelsError: It is neither, or what lies there cannot be used.
    """
    path = Path(model)
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    # A folder that only happens to bear a model's name does not hide the model.
    if there and (known_model(model) is None or (path / "config.json").exists()):
        return stored_subject(path.name, path)
    return named_subject(model)
