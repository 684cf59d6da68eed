"""The writing process and the whole box, killed again and again under load."""

import pytest

from tests.appliance.audit.crash_loop import crash_loop


@pytest.mark.slow
def test_nothing_that_was_acknowledged_is_lost_however_often_it_is_killed(tmp_path):
    account = crash_loop(tmp_path / "audit.db", kills=12, seed=1)
    assert account.box_kills + account.writer_kills == 12
    assert len(account.kept) > 12
    assert account.roots
    assert account.unclean == account.box_kills
