"""The making of a LUKS2 volume, killed at every point: each one is begun anew and comes to its end."""

import pytest

from appliance.settings.layout import StateLayout
from appliance.vault import luks
from appliance.vault.record import luks_record, read_record, write_record
from tests.appliance.vault.luks_disk import KEY, OTHER, HeaderTools, blank, opens, volume

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """The end of a process, at a place where nobody catches it."""


class Killer:
    """Ends the process at one point; there is one before and one after each act."""

    def __init__(self, point):
        self.left = point

    def around(self, act):
        def whole(*arguments):
            self.step()
            done = act(*arguments)
            self.step()
            return done

        return whole

    def step(self):
        self.left -= 1
        if self.left == 0:
            raise Killed


def killed_at(point, box, device, monkeypatch):
    """Begin to make a volume; whether it was killed at that point."""
    killer, tools = Killer(point), HeaderTools()
    monkeypatch.setattr(tools, "run", killer.around(tools.run))
    monkeypatch.setattr(luks, "write_record", killer.around(write_record))
    try:
        volume(box, read_record(box), tools).prepare(KEY)
    except Killed:
        return True
    finally:
        monkeypatch.setattr(luks, "write_record", write_record)
    return False


def test_every_point_of_the_making_recovers(tmp_path, monkeypatch):
    points = 0
    while True:
        box = StateLayout(tmp_path / f"box{points}")
        device = blank(tmp_path / "disk")
        write_record(box, luks_record(device, "因为", "because"))
        if not killed_at(points + 1, box, device, monkeypatch):
            break
        points += 1
        if read_record(box).stage == "ready":
            assert opens(device, KEY)
            assert opens(box.luks_header, KEY)
            continue
        volume(box, read_record(box), HeaderTools()).prepare(OTHER)
        assert read_record(box).stage == "ready"
        assert opens(device, OTHER)
        assert opens(box.luks_header, OTHER)
        assert not opens(device, KEY)
    assert points == 16
