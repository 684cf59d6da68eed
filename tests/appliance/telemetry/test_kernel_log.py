"""Driver errors out of the kernel's log."""

import os

import pytest

from appliance.telemetry.facts import XidError
from appliance.telemetry.kernel_log import KernelLog, xid_of

LINE = "4,1234,99,-;NVRM: Xid (PCI:0000:3B:00): 79, pid='<unknown>', GPU has fallen off the bus."


def test_a_line_of_the_driver_is_understood() -> None:
    assert xid_of(LINE) == XidError("0000:3b:00", 79)


@pytest.mark.parametrize(
    "line",
    ["", "NVRM: Xid", "NVRM: Xid (PCI:0000:3b:00): x", "NVRM: Xid (PCI:" + "0" * 50 + "): 79",
     "NVRM: loading 550.54", "NVRM: Xid (PCI:0000:3b:00): 79999"],
)  # fmt: skip
def test_other_lines_are_not(line) -> None:
    assert xid_of(line) is None


def test_errors_count_for_an_hour_from_where_the_log_ended(tmp_path) -> None:
    now = [0.0]
    path = tmp_path / "kmsg"
    path.write_text(LINE + "\n")
    log = KernelLog(lambda: now[0], path)
    assert log.xids() == ()  # what is older than the box's look is no news
    with path.open("ab") as file:
        file.write(b"\xff\xfe noise\n" + LINE.encode() + b"\n")
    now[0] = 10.0
    assert log.xids() == (XidError("0000:3b:00", 79),)
    now[0] = 3000.0
    assert len(log.xids()) == 1
    now[0] = 3700.0
    assert log.xids() == ()
    log.close()


def test_a_log_that_may_not_be_read_is_unknown_not_empty(tmp_path) -> None:
    assert KernelLog(lambda: 0.0, tmp_path / "absent").xids() is None


def test_a_pipe_without_a_word_does_not_wait(tmp_path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert KernelLog(lambda: 0.0, path).xids() == ()
