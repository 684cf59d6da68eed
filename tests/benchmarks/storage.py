"""Storage against plain disk: a model in the vault, the box's databases, backups; ratios from one run.

`--place` is a directory on the disk to measure; nothing stays there. `--quick` is for looking whether it
runs: its figures say nothing.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import storage_backup, storage_database, storage_model, storage_serving

REFERENCE = (
    Path(__file__).resolve().parents[2] / "models" / "reference_model" / "wardbox-reference.gguf"
)
ENGINES = Path.home() / ".cache" / "wardbox" / "engine"
PARTS = ("model", "database", "backup")


def chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument(
        "--place", type=Path, default=None, help="a directory on the disk to measure"
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument(
        "--model", type=Path, default=None, help="a GGUF beside the made one, which is judged"
    )
    parser.add_argument("--layers", type=int, default=24, help="of the made one, 25 MB each")
    parser.add_argument("--tokens", type=int, default=48, help="written in one turn")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--scale", type=float, default=2.0, help="of the databases' work")
    parser.add_argument("--megabytes", type=int, default=1024, help="of the box that is backed up")
    parser.add_argument("--engine", type=Path, default=None, help="a llama-server")
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    if words.quick:
        words.rounds, words.layers, words.tokens, words.scale, words.megabytes = 3, 4, 16, 0.2, 96
    return words


def measure_model(place: Path, words: argparse.Namespace) -> bool:
    found = sorted(ENGINES.glob("*/llama-server"))
    server = words.engine or (found[-1] if found else None)
    if server is None or shutil.which("gocryptfs") is None:
        print("model: not measured, it needs gocryptfs and a llama-server (--engine)")
        return False
    met = True
    sizes = (words.layers, words.rounds, words.tokens, words.threads)
    for model in (None, words.model or REFERENCE):
        met &= storage_model.measure(place, storage_serving.Wish(server, model, *sizes))
    return met


def main() -> int:
    words = chosen()
    parts = words.part or PARTS
    met = True
    with tempfile.TemporaryDirectory(dir=words.place, prefix="storage-") as name:
        place = Path(name)
        if "model" in parts:
            met &= measure_model(place, words)
        if "database" in parts:
            met &= storage_database.measure(place, words.rounds, words.scale)
        if "backup" in parts:
            backup = place / "backup"
            backup.mkdir()
            met &= storage_backup.measure(backup, words.rounds, words.megabytes, words.threads)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
