"""The llama.cpp Python binding, loaded from the engine's own libraries."""

import ctypes
import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from models.errors import EngineMissing

LIBRARY: Final = "libllama.so"
# Drops the engine's log lines: the binding's own callback fails on characters cut in two.
_SILENT: Final = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(
    lambda _level, _text, _data: None
)


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
        binding = import_module("llama_cpp")
        binding.llama_log_set(_SILENT, None)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineMissing(program="llama_cpp") from error
    return binding
