"""How the threads of one computation wait for each other on processors that do other work, too."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SHARED_CORES: Final[Mapping[str, str]] = MappingProxyType({"GOMP_SPINCOUNT": "1000"})
"""Environment of every program that computes on many cores; read when GNU's OpenMP is loaded.

llama.cpp and PyTorch both let their threads meet at a barrier after each operation. There libgomp spins
for milliseconds by default: one core that somebody else needs for a moment, and all the others burn
their time waiting for the thread that lost it. With 1,000 turns, libgomp's own choice where there are more
threads than cores, they sleep after some microseconds and leave the core to it.
Source: libgomp manual, GOMP_SPINCOUNT; measured by tests/benchmarks/company.py.
"""
