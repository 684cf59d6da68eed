"""The wire types: strict, frozen, and each example is true."""

import importlib
import inspect
import pkgutil

import pytest
from pydantic import ValidationError

import appliance.contract
from appliance.contract.base import Wire


def every_type() -> list[type[Wire]]:
    found = []
    for module in pkgutil.iter_modules(appliance.contract.__path__, "appliance.contract."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(kind, Wire) and kind.__module__ == module.name:
                found.append(kind)
    return found


def test_unknown_fields_are_refused_and_values_do_not_change():
    assert len(every_type()) > 40
    for kind in every_type():
        assert kind.model_config["extra"] == "forbid"
        assert kind.model_config["frozen"] is True


def test_examples_are_valid():
    told = 0
    for kind in every_type():
        for example in kind.model_json_schema().get("examples") or []:
            kind.model_validate(example)
            told += 1
    assert told >= 8


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 65, "a\x00"])
def test_names_hold_no_controls(name):
    from appliance.contract.access import SignIn

    with pytest.raises(ValidationError):
        SignIn(name=name, password="x")


def test_a_secret_is_not_shown_by_repr():
    from appliance.contract.access import SignIn, Unlock

    assert "hunter2" not in repr(Unlock(secret="hunter2"))
    assert "hunter2" not in repr(SignIn(name="a", password="hunter2"))
