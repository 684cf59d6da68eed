"""What goes on record of forwarding: states that hold, never each try."""

from appliance.forwarding.forwarder import Progress
from appliance.forwarding.telling import HOLD_S, LONG_HOLD_S, Standing, Telling


def lost(since: float) -> Standing:
    return Standing("failing", progress=Progress(0, 0, failing_since=since), reason_en="gone")


def well(lag: float = 0.0, *, late: bool = False) -> Standing:
    return Standing("running", progress=Progress(0, 0), lag_s=lag, late=late)


def test_a_receiver_is_told_as_lost_once_and_as_back_once():
    telling = Telling(300.0)
    told = [telling.judge(lost(100.0), 100.0 + t) for t in range(0, 3000, 5)]
    assert [one for one in told if one] == [("lose", "gone")]
    assert told.index(("lose", "gone")) == HOLD_S / 5
    back = [telling.judge(well(), 4000.0 + t) for t in range(0, 100, 5)]
    assert [one for one in back if one] == [("return", "")]


def test_one_that_comes_and_goes_is_told_seldom():
    telling = Telling(300.0)
    told = []
    for minute in range(600):
        now = minute * 60.0
        # Half of every two minutes it is gone.
        state = lost(now - 61.0) if minute % 2 else well()
        told.append(telling.judge(state, now))
    assert len([one for one in told if one]) <= 600 / (LONG_HOLD_S / 60) * 2


def test_a_backlog_is_told_once_until_it_is_half_gone():
    telling = Telling(300.0)
    assert telling.judge(well(299.0), 0.0) is None
    assert telling.judge(well(301.0, late=True), 1.0) == ("lag", "301 s")
    for lag in (299.0, 301.0, 200.0, 400.0):
        assert telling.judge(well(lag, late=lag > 300), 2.0) is None
    assert telling.judge(well(149.0), 3.0) == ("return", "")
    assert telling.judge(well(0.0), 4.0) is None


def test_a_backlog_becomes_a_loss():
    telling = Telling(300.0)
    assert telling.judge(well(400.0, late=True), 0.0) == ("lag", "400 s")
    assert telling.judge(lost(10.0), 20.0) is None
    assert telling.judge(lost(10.0), 10.0 + HOLD_S) == ("lose", "gone")
    assert telling.judge(Standing("off"), 200.0) == ("return", "")
    assert telling.judge(Standing("off"), 201.0) is None
