"""How versions stand to each other, and when nobody can tell."""

import pytest

from firmware_checks.checks.order import compared


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("2.1", "2.10"),
        ("1.74", "1.75.00"),
        ("GDC7402Q", "GDC7502Q"),
        ("U30 v2.36", "U30 v2.40"),
        ("28.39.1002", "28.39.3004 (MT_0000000838)"),
        ("550.54.15", "550.90.07"),
        ("v1", "v1a"),
    ],
)
def test_order(lower, higher):
    assert compared(lower, higher) < 0 < compared(higher, lower)
    assert compared(lower, lower) == 0


def test_hexadecimal_groups():
    assert compared("96.00.74.00.0A", "96.00.74.00.10", hexadecimal=True) < 0
    assert compared("0xa0011d5", "0xa0011d4", hexadecimal=True) > 0
    assert compared("96.00.74", "96.00.74.00.01", hexadecimal=True) is None
    assert compared("96.0x.74", "96.00.74", hexadecimal=True) is None
    assert compared("N/A", "96.00", hexadecimal=True) is None


@pytest.mark.parametrize(("one", "two"), [("A2.1", "2.0"), ("2.0", "v2.0")])
def test_versions_of_two_shapes_tell_nothing(one, two):
    assert compared(one, two) is None
