"""What a moment is: RFC 3339 with its offset, and no number that happens to be one (found by the fuzz)."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from appliance.contract.moment import Moment

MOMENT = TypeAdapter(Moment)


@pytest.mark.parametrize("text", ["2026-11-22T08:00:00+08:00", "2026-11-22t00:00:00Z"])
def test_a_moment_with_its_offset(text):
    assert MOMENT.validate_python(text) == datetime(2026, 11, 22, tzinfo=UTC)
    assert MOMENT.validate_json(f'"{text}"') == datetime(2026, 11, 22, tzinfo=UTC)


def test_a_moment_of_a_program():
    now = datetime.now(UTC)
    assert MOMENT.validate_python(now) == now


@pytest.mark.parametrize(
    "value",
    ["0.5", "0", "1e3", "1760000000", 5, 0.5, True, "2026-11-22", "2026-11-22T08:00:00", ""],
)
def test_anything_else_is_refused(value):
    with pytest.raises(ValidationError):
        MOMENT.validate_python(value)
