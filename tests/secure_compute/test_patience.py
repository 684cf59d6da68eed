"""What never answers is given up on, and asked nothing more until it has."""

import threading

import pytest

from secure_compute.patience import Patience


def test_answers_and_refusals_come_through():
    patience = Patience(60)
    assert patience.ask(lambda: 7) == 7
    with pytest.raises(KeyError, match="gone"):
        patience.ask(lambda: {}["gone"])


def test_who_never_answers_is_not_asked_a_second_time():
    patience, free, asked = Patience(0.05), threading.Event(), []

    def work():
        asked.append(threading.current_thread())
        free.wait(60)

    for _ in range(3):
        with pytest.raises(TimeoutError):
            patience.ask(work)
    assert len(asked) == 1
    free.set()
    asked[0].join()
    assert patience.ask(lambda: 7) == 7
