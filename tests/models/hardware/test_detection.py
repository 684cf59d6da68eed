"""Hardware: proc and sys under a given root, NVML through a double, tools through their text."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.hardware.datasheets import known_bandwidth
from models.hardware.detect import detect_hardware
from models.hardware.facts import Unreadable
from models.hardware.host import read_cpu, read_memory
from models.hardware.vendors import VENDORS

ROOT = Path(__file__).resolve().parents[3]
CPUINFO = "".join(
    f"processor\t: {n}\nmodel name\t: Some CPU\nphysical id\t: 0\ncore id\t: {n // 2}\n"
    "flags\t\t: fpu aes avx2\n\n"
    for n in range(8)
)
OUTPUT = {
    "ascend": """
+---------------------------+---------------+----------------------------------------------------+
| npu-smi 24.1.rc2          Version: 24.1.rc2                                                    |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 93.2        45                0    / 0             |
| 0                         | 0000:C1:00.0  | 7           0    / 0          3389 / 65536         |
+===========================+===============+====================================================+
| 1     910B3               | OK            | 95.0        47                0    / 0             |
| 0                         | 0000:01:00.0  | 0           0    / 0          3000 / 65536         |
+===========================+===============+====================================================+
""",
    "hygon": json.dumps(
        {
            "card0": {
                "Card series": "K100_AI",
                "vram Total Memory (MiB)": "65520",
                "vram Total Used Memory (MiB)": "20",
                "DCU use (%)": "3.0",
            },
            "system": {},
        }
    ),
    "cambricon": """
Timestamp                       : Sat Nov 21 08:00:00 2026
Driver                          : v5.10.22
Card 0
    Product Name                : MLU370-X8
    Physical Memory Usage
        Total                   : 24576 MiB
        Used                    : 576 MiB
    Utilization
        MLU Average             : 12 %
    Temperature
        Board                   : 35 C
""",
    "mthreads": """
+--------------------------------------------------------------------+
|0    MTT S4000     |00000000:3b:00.0    |5%    123MiB(49152MiB)      |
|     44C           |                    |      75W                   |
""",
    "iluvatar": "0, Iluvatar BI-V150, 32768 MiB, 116 MiB, 4 %, 32 C\n",
    "kunlun": (
        "0000:1b:00.0 0 1 'P800 OAM' 35 60 400 1500 1500 0 0 0 0 0 0 0 0 1024 98304 6 "
        "0 0 0 0 0 0 0 0 0 0 0 0\n"
    ),
    "metax": """
| 0     MXC500                | 0000:08:00.0             | 2%               |
| 35C   56W                   | 858/65536 MiB            | Available        |
""",
}
EXPECTED = {
    "ascend": (2, "Ascend 910B3", 65536, 3389, 0.07),
    "hygon": (1, "K100_AI", 65520, 20, 0.03),
    "cambricon": (1, "MLU370-X8", 24576, 576, 0.12),
    "mthreads": (1, "MTT S4000", 49152, 123, 0.05),
    "metax": (1, "MXC500", 65536, 858, 0.02),
    "iluvatar": (1, "Iluvatar BI-V150", 32768, 116, 0.04),
    "kunlun": (1, "Kunlun P800 OAM", 98304, 1024, 0.06),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("proc", "sys/fs/cgroup", "sys/devices/system/node/node0"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys/devices/system/node/node1").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(CPUINFO)
    (tmp_path / "proc/loadavg").write_text("2.60 1.0 1.0 1/100 5\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n")
    return tmp_path


def test_host_facts(root: Path) -> None:
    cpu = read_cpu(root)
    assert (cpu.model, cpu.logical, cpu.physical, cpu.numa_nodes) == ("Some CPU", 8, 4, 2)
    assert cpu.aes
    assert cpu.avx2
    assert cpu.free_cores == 4
    assert read_memory(root).total == 8 << 30
    (root / "sys/fs/cgroup/cpu.max").write_text("200000 100000\n")
    assert (read_cpu(root).logical, read_cpu(root).free_cores) == (2, 1)
    (root / "sys/fs/cgroup/memory.max").write_text(f"{1 << 30}\n")
    (root / "sys/fs/cgroup/memory.current").write_text(f"{1 << 29}\n")
    assert read_memory(root).total == 1 << 30
    assert read_memory(root).available == 1 << 29


def test_an_empty_root_is_no_error(tmp_path: Path) -> None:
    found = detect_hardware(tmp_path)
    assert (found.cpu.logical, found.cpu.free_cores, found.memory.total) == (1, 1, 0)
    assert found.accelerators == ()
    assert not found.cpu.aes


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_tools_are_understood(vendor, root: Path) -> None:
    def runner(argv):
        return OUTPUT[vendor.name] if tuple(argv) == vendor.argv else None

    found = detect_hardware(root, runner)
    assert found.unreadable == ()
    count, name, total, used, busy = EXPECTED[vendor.name]
    assert len(found.accelerators) == count
    card = found.accelerators[0]
    assert (card.vendor, card.name, card.index) == (vendor.name, name, 0)
    assert card.memory_bytes == total << 20
    assert card.memory_free_bytes == (total - used) << 20
    assert card.utilisation == busy
    assert card.bandwidth_bytes_s


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
@given(text=st.text(max_size=200))
def test_unknown_output_is_reported_and_never_raised(vendor, text: str) -> None:
    found = vendor.read(lambda _: text)
    assert isinstance(found, Unreadable | tuple)

    def broken(_argv):
        raise TimeoutError

    assert isinstance(vendor.read(broken), Unreadable)
    assert vendor.read(lambda _: None) == ()


def nvidia_in(folder: Path) -> dict:
    code = (
        "import json, dataclasses\n"
        "from models.hardware.nvidia import read_nvidia\n"
        "found = read_nvidia()\n"
        "print(json.dumps([dataclasses.asdict(card) for card in found]))"
    )
    env = {"LD_LIBRARY_PATH": str(folder), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nvidia_through_a_double(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed, so the NVML double cannot be built")
    source = Path(__file__).with_name("nvml_double.c")
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    card, cut, lost = nvidia_in(tmp_path)
    # What cannot be given as a whole is seen and never planned on; the others stay usable.
    assert (cut["memory_bytes"], cut["memory_free_bytes"]) == (80 << 30, 0)
    assert (lost["index"], lost["memory_bytes"], lost["memory_free_bytes"]) == (2, 0, 0)
    assert "lost" in lost["name"]
    assert card["name"] == "NVIDIA H100 80GB HBM3"
    assert card["memory_free_bytes"] == 79 << 30
    assert (card["utilisation"], card["power_w"], card["temperature_c"]) == (0.25, 71.5, 41.0)
    assert card["ecc_errors"] is None
    assert card["bandwidth_bytes_s"] == 3_000_000_000_000
    assert card["driver"] == "580.65.06"


def test_bandwidth_prefers_the_longer_name() -> None:
    assert known_bandwidth("NVIDIA H200") == 4_300_000_000_000
    assert known_bandwidth("NVIDIA H20") == 4_000_000_000_000
    assert known_bandwidth("NVIDIA L40S") == 864_000_000_000
    assert known_bandwidth("Mystery") is None
