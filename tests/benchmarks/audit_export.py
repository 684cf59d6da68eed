"""Verifying and exporting a long audit log, each in a process of its own: rate and memory.

    python -m tests.benchmarks.audit_export verify|export|export-all LOG [OUT]
    python -m tests.benchmarks.audit_export judge EXPORT

`audit` calls it; LOG is a store that `audit_search` made.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.audit.export import export
from appliance.audit.export_order import Materials, Selection
from appliance.audit.reading import AuditReader
from appliance.audit.rendering.files import FORMATS
from appliance.audit.rendering.meaning import Source
from appliance.audit.verify import verify
from secure_compute.note import sign_note
from tests.benchmarks.audit_search import IDENTITY, KEY

ROOT: Final = Path(__file__).parents[2]
WHOLE: Final = "export, entries and tiles"
SOME: Final = 50_000
"""Entries of an export with every rendering, which takes ten times as long for each."""


@dataclass(frozen=True)
class Run:
    """One process that did one thing.

    Args:
        count: entries.
        seconds: by the clock.
        cpu: seconds of processor time.
        memory_mb: most memory that it ever held.
    """

    count: int
    seconds: float
    cpu: float
    memory_mb: float


def measured(what: str, *places: Path) -> Run:
    """Do one of the things below in a process of its own."""
    words = [sys.executable, "-m", "tests.benchmarks.audit_export", what, *map(str, places)]
    told = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Run(**json.loads(told.splitlines()[-1]))


def judge(folder: Path) -> Run:
    """`verify.py` of an export, as an auditor runs it: alone, with nothing but a Python."""
    with tempfile.TemporaryDirectory() as memory:
        words = [sys.executable, "-I", str(folder / "verify.py"), str(folder)]
        words += ["--remember", f"{memory}/memory.json"]
        begun = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        seconds = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "entries.ndjson").open("rb") as lines:
        count = sum(1 for _ in lines)
    return Run(count, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def peak_mb() -> float:
    """The most memory that this process ever held; unlike getrusage, not what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _verify(reader: AuditReader, _: Path) -> int:
    report = verify(reader)
    assert report.ok, report.sentence
    return report.entries


def _export(reader: AuditReader, out: Path) -> int:
    return _exported(reader, out, Selection(formats=()))


def _export_all(reader: AuditReader, out: Path) -> int:
    return _exported(reader, out, Selection(last=SOME - 1, formats=FORMATS))


def _exported(reader: AuditReader, out: Path, selection: Selection) -> int:
    def seal(text: str) -> bytes:
        return sign_note(text, IDENTITY.origin, IDENTITY.signing_key).to_bytes()

    source = Source(IDENTITY.origin, "box", "1")
    materials = Materials(reader, source, seal, lambda: datetime.now(UTC))
    return export(materials, out, selection).entries


WORK: Final[dict[str, Callable[[AuditReader, Path], int]]] = {
    "verify": _verify,
    "export": _export,
    "export-all": _export_all,
}


def main() -> None:
    """Do one thing and print what it took."""
    what, log, *rest = sys.argv[1:]
    if what == "judge":
        print(json.dumps(asdict(judge(Path(log)))))
        return
    reader = AuditReader(Path(log), KEY, IDENTITY.note_key)
    begun, cpu = time.perf_counter(), time.process_time()
    count = WORK[what](reader, Path(rest[0]) if rest else Path())
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    reader.close()
    print(json.dumps(asdict(Run(count, seconds, cpu, peak_mb()))))


if __name__ == "__main__":
    main()
