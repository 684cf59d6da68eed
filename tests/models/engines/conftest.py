"""Fixtures: a tiny model and the real engine, where it is built."""

import os
from pathlib import Path

import pytest

from models.engines.llama_cpp import find_llama_server
from models.errors import EngineMissing
from tests.models.engines.tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="session")
def llama_server() -> Path:
    named = os.environ.get("WARDBOX_ENGINE_DIR")
    cached = sorted((Path.home() / ".cache/wardbox/engine").glob("*"), reverse=True)
    try:
        return find_llama_server([Path(named)] if named else cached)
    except EngineMissing:
        pytest.skip("llama-server is not built: run ./install.sh or set WARDBOX_ENGINE_DIR")
