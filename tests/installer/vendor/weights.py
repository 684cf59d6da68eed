"""Safetensors files of given tensors, and weights that moved a little."""

import json
import struct
from collections.abc import Mapping

import numpy as np

_BYTES = {"U8": 1, "BF16": 2, "F32": 4}


def safetensors_of(tensors: Mapping[str, bytes], dtype: str, **metadata: str) -> bytes:
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, raw in tensors.items():
        shape = [len(raw) // _BYTES[dtype]]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + b"".join(tensors.values())


def bf16(values: np.ndarray) -> bytes:
    return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()


def weights(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, count).astype(np.float32)


def moved(values: np.ndarray, seed: int, by: float) -> np.ndarray:
    step = np.random.default_rng(seed).normal(0, by, values.size).astype(np.float32)
    return values + step
