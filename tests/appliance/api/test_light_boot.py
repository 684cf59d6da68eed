"""What a boot does not load: libraries of rooms that most boxes never enter, and types nobody asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import sys
import appliance.app
from appliance.contract.base import Wire
print([name for name in ("asyncssh", "aiohttp", "torch", "textual") if name in sys.modules])
kinds = Wire.__subclasses__()
built = sum(one.__pydantic_complete__ for one in kinds)
print(len(kinds) > 100, built * 5 < len(kinds))
"""


@pytest.mark.slow
def test_the_application_loads_no_more_than_it_needs():
    told = subprocess.check_output([sys.executable, "-c", CODE], cwd=ROOT, text=True)
    assert told.split("\n")[:2] == ["[]", "True True"]
