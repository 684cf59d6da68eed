"""An auditor of exports."""

import pytest

from tests.secure_compute.exports import Auditor


@pytest.fixture
def auditor(tmp_path, capsys):
    return Auditor(tmp_path, capsys)
