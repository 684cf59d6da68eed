"""A short run of the mutation fuzzer; `python -m tests.firmware_checks.fuzz_event_logs` runs a long one."""

from tests.firmware_checks.fuzz_event_logs import Fuzzer


def test_only_refusals_of_our_own_come_out():
    fuzzer = Fuzzer(seed=20261122)
    fuzzer.run(1500)
    assert sum(fuzzer.outcomes.values()) == 1500
    assert {"event log read", "event log refused"} <= fuzzer.outcomes.keys()
