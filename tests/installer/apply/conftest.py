"""A small machine with a release that runs, for what changes the software."""

from pathlib import Path

import pytest

from tests.installer.apply.small_place import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "m")
    made.root.mkdir()
    made.make()
    made.box.start()
    return made
