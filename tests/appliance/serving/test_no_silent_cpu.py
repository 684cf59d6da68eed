"""A model asked to run on an accelerator is refused with the reason; it never lands on the CPU."""

from pathlib import Path

import pytest

from appliance.serving.engine_maker import EngineMaker
from models.capacity import Wish
from models.engines.process import ProcessKeeper
from models.errors import DoesNotFit, EngineUnable, NoAccelerator
from models.hardware.facts import Accelerator, CpuFacts, Hardware, HostMemory, Unreadable
from models.planning.reservations import Reservations
from models.registry.shelf import ShelvedModel

REFERENCE = Path(__file__).resolve().parents[3] / "models/reference_model"
GIB = 1 << 30


class Card:
    id = "wardbox-reference"


SHELVED = ShelvedModel(Card(), None, REFERENCE / "wardbox-reference.gguf")


def maker(
    folder: Path, *cards: Accelerator, unreadable: tuple[Unreadable, ...] = ()
) -> EngineMaker:
    server = folder / "llama-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    for backend in ("cuda", "cann"):
        (folder / f"libggml-{backend}.so").touch()
    cpu = CpuFacts("cpu", 8, 8, frozenset(), 1, 0.0)
    hardware = Hardware(cpu, HostMemory(64 * GIB, 64 * GIB), cards, unreadable)
    wish = Wish(context=512, slots=1, device="gpu")
    return EngineMaker((folder,), folder / "run", hardware, wish, None, ProcessKeeper())


def test_without_a_card(tmp_path) -> None:
    with pytest.raises(NoAccelerator) as caught:
        maker(tmp_path).make(SHELVED)
    assert caught.value.way_out


def test_with_a_driver_that_fails(tmp_path) -> None:
    broken = Unreadable("nvidia", "Driver Not Loaded")
    with pytest.raises(NoAccelerator, match="Driver Not Loaded"):
        maker(tmp_path, unreadable=(broken,)).make(SHELVED)


def test_with_a_card_that_others_hold(tmp_path) -> None:
    card = Accelerator("nvidia", 0, "H20", 96 * GIB, 90 * GIB, 4_000_000_000_000)
    made = maker(tmp_path, card)
    free = Reservations.of(made.hardware)
    taken = free.grant("another", {"nvidia:0": free.free("nvidia:0")})
    with pytest.raises(DoesNotFit):
        made.make(SHELVED, reserved=taken)
    placement = made.make(SHELVED, reserved=free).spec.placement
    assert placement.gpu_layers > 0
    assert placement.devices == (0,)


def test_with_a_card_that_its_tool_calls_broken(tmp_path) -> None:
    sick = Accelerator("ascend", 0, "Ascend 910B3", 64 * GIB, 0)
    with pytest.raises(DoesNotFit):
        maker(tmp_path, sick).make(SHELVED)


def test_with_a_server_that_was_built_without(tmp_path) -> None:
    made = maker(tmp_path, Accelerator("nvidia", 0, "H20", 96 * GIB, 90 * GIB))
    (tmp_path / "libggml-cuda.so").unlink()
    with pytest.raises(EngineUnable, match="nvidia"):
        made.make(SHELVED)
