"""The llama.cpp Python binding, loaded from the engine's own libraries."""

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from models.errors import EngineMissing

LIBRARY: Final = "libllama.so"


def load_binding(lib_dir: Path) -> ModuleType:
    """Loads `llama_cpp` on top of the libraries built with the server.

    One build serves both: the binding is installed without libraries of its own and finds them
    through LLAMA_CPP_LIB_PATH, which it reads when it is imported.

    Args:
        lib_dir: Directory with `libllama.so` and its siblings.

    Raises:
        EngineMissing: The libraries or the binding are not there, or do not fit together.
    """
    if not (lib_dir / LIBRARY).exists():
        raise EngineMissing(program=LIBRARY)
    os.environ["LLAMA_CPP_LIB_PATH"] = str(lib_dir)  # noqa: TID251  (the binding's only interface)
    try:
        return import_module("llama_cpp")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineMissing(program="llama_cpp") from error
