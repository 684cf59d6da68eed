"""What tools really print: several chips, N/A, alarms, other makers' cards, garbage; and NUMA."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.capacity import Wish, fits
from models.errors import DoesNotFit
from models.formats.summary import ModelSummary
from models.hardware.detect import HardwareWatch
from models.hardware.facts import CpuFacts, Hardware, HostMemory, Unreadable
from models.hardware.host import read_cpu
from models.hardware.tools import OutputUnknown
from models.hardware.vendors import VENDORS

BY_NAME = {vendor.name: vendor for vendor in VENDORS}
HEAD = (
    "| NPU   Name        | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|\n"
)
# Two chips in a package: the second counts its power with the first ("-").
A3 = (
    HEAD
    + """\
| Chip  Phy-ID      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
| 4     Ascend910   | OK            | 170.7       49                0    / 0             |
| 0     8           | 0000:8D:00.0  | 3           0    / 0          51255/ 65536         |
+-----------------------------------------------------------------------------------------+
| 4     Ascend910   | OK            | -           51                0    / 0             |
| 1     9           | 0000:8F:00.0  | 0           0    / 0          4000 / 65536         |
| NPU     Chip      | Process id    | Process name             | Process memory(MB)      |
| 4       0         | 3072791       | VLLMWorker_TP            | 28170                   |
"""
)
# No high-bandwidth memory, and power that the board does not tell.
DUO = (
    HEAD
    + """\
| Chip  Device      | Bus-Id        | AICore(%)   Memory-Usage(MB)                       |
| 1     310P3       | OK            | NA          49                0     / 0            |
| 0     0           | 0000:01:00.0  | 7           1448 / 44278                           |
| 1     310P3       | OK            | NA          45                0     / 0            |
| 1     1           | 0000:01:00.0  | 0           1511 / 43693                           |
"""
)
FOUR = HEAD + "".join(
    "| 6     310         | OK            | 12.8        73                0     / 970          |\n"
    f"| {chip}     {chip + 3}           | 0000:{89 + chip}:00.0  | 0           2703 / 8192       |\n"
    for chip in range(4)
)
SICK = (
    HEAD
    + """\
| 0     910B3       | Alarm         | 93.2        45                0    / 0             |
| 0                 | 0000:C1:00.0  | 0           0    / 0          3389 / 65536         |
| 1     910B3       | OK            | 93.2        45                0    / 0             |
| 0                 | 0000:C2:00.0  | 0           0    / 0          3389 / 65536         |
"""
)
METAX = """\
| GPU     NAME         Persistence-M | Bus-id              | GPU-Util      sGPU-M |
| Temp    Pwr:Usage/Cap         Perf | Memory-Usage        | GPU-State            |
|====================================+=====================+======================|
| 0       MetaX C500             Off | 0000:01:00.0        | 0%            Native |
| 37C     29W / 225W              P0 | 666/65536 MiB       | Available            |
+------------------------------------+---------------------+----------------------+
| 1       MetaX C500             Off | 0000:02:00.0        | N/A           Native |
| N/A     N/A / N/A               P0 | 0/65536 MiB         | Not Available        |
"""
MTHREADS = """\
    mthreads-gmi:2.4.1           Driver Version:5.1.0-server
ID   Name                 |PCIe                |%GPU  Mem
     Device Type   Perf   |Pcie Lane Width     |Temp  MPC Capable
+-------------------------------------------------------------------+
0    MTT S4000            |00000000:18:00.0    |0%    0MiB(49152MiB)
     Physical      P0     |16x(16x)            |48C   YES
                                               |      On-die, EDC
+-------------------------------------------------------------------+
1    MTT S4000            |00000000:3a:00.0    |N/A   12MiB(49152MiB)
     Physical      P0     |16x(16x)            |49C   YES
"""


def read(vendor: str, text: str):
    return BY_NAME[vendor].read(lambda _: text)


def test_two_chips_in_a_package_are_two_devices() -> None:
    first, second = read("ascend", A3)
    assert (first.index, second.index) == (8, 9)
    assert first.memory_free_bytes == (65536 - 51255) << 20
    assert (first.power_w, second.power_w) == (170.7, None)
    assert (second.temperature_c, first.utilisation) == (51.0, 0.03)
    # Each has half of the package's bandwidth.
    assert first.bandwidth_bytes_s == 1_600_000_000_000


def test_boards_without_stacked_memory() -> None:
    first, second = read("ascend", DUO)
    assert (first.index, second.index) == (0, 1)
    assert (first.name, first.memory_bytes) == ("Ascend 310P3", 44278 << 20)
    assert (first.power_w, first.temperature_c, first.utilisation) == (None, 49.0, 0.07)
    four = read("ascend", FOUR)
    assert [card.index for card in four] == [3, 4, 5, 6]
    assert {card.name for card in four} == {"Ascend 310"}
    assert four[0].power_w == 12.8


def test_a_sick_card_is_seen_and_gets_nothing() -> None:
    sick, well = read("ascend", SICK)
    assert (sick.memory_bytes, sick.memory_free_bytes) == (65536 << 20, 0)
    assert well.memory_free_bytes > 0
    first, second = read("metax", METAX)
    assert (first.memory_free_bytes, first.power_w) == ((65536 - 666) << 20, 29.0)
    assert (second.memory_free_bytes, second.utilisation) == (0, None)
    machine = Hardware(CpuFacts("x", 4, 4, frozenset(), 1, 0.0), HostMemory(0, 0), (sick, second))
    model = ModelSummary("gguf", weight_bytes=1 << 20, layers=1, kv_heads=1, head_dim=64)
    with pytest.raises(DoesNotFit):
        fits(model, machine, Wish(device="gpu"))


def test_moore_threads_tells_its_temperature_below() -> None:
    first, second = read("mthreads", MTHREADS)
    assert (first.memory_bytes, first.temperature_c, first.utilisation) == (49152 << 20, 48.0, 0.0)
    assert (second.index, second.utilisation, second.temperature_c) == (1, None, 49.0)


def hygon(**changes: object) -> str:
    row = {
        "Card Series": "K100_AI", "Card Vendor": "Chengdu Haiguang IC Design Co., Ltd.",
        "Temperature (Sensor junction) (C)": "39.0",
        "Average Graphics Package Power (W)": "80.0", "HCU use (%)": "2.0",
        "vram Total Memory (MiB)": "65520", "vram Total Used Memory (MiB)": "2",
    }  # fmt: skip
    return json.dumps({"card0": {**row, **changes}})


def test_hygon_under_either_name_and_never_amd() -> None:
    (card,) = read("hygon", hygon())
    assert (card.temperature_c, card.power_w, card.utilisation) == (39.0, 80.0, 0.02)
    asked = []

    def only_rocm(argv):
        asked.append(argv[0])
        return hygon() if argv[0] == "rocm-smi" else None

    assert len(BY_NAME["hygon"].read(only_rocm)) == 1
    assert asked == ["hy-smi", "rocm-smi"]
    amd = hygon(**{"Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]"})
    assert read("hygon", amd) == ()
    (unknown,) = read("hygon", hygon(**{"vram Total Memory (MiB)": "N/A"}))
    assert (unknown.memory_bytes, unknown.memory_free_bytes) == (0, 0)


def test_what_is_not_known_is_told_and_takes_no_memory() -> None:
    (card,) = read("iluvatar", "0, Iluvatar BI-V150, [N/A], [N/A], [N/A], [N/A]\n")
    assert (card.memory_bytes, card.memory_free_bytes, card.utilisation) == (0, 0, None)
    for vendor, text in (
        ("iluvatar", "No supported GPUs found\n"),
        ("iluvatar", "0, A, 1 MiB, 1 MiB, 0 %, 1 C\n0, A, 1 MiB, 1 MiB, 0 %, 1 C\n"),
        ("iluvatar", "0, A, 99999999999 MiB, 1 MiB, 0 %, 1 C\n"),
        ("kunlun", "xpu-smi: unrecognized option '-m'\n"),
        ("kunlun", "'unterminated\n"),
        ("hygon", "[]"),
        ("hygon", '{"card0": {}}'),
        ("hygon", "[" * 100_000),
        ("cambricon", "Card 0\n  Product Name : MLU370\n"),
        ("ascend", "dcmi module initialize failed. ret is -8005\n"),
        ("ascend", "\x1b[31m| 0 910B3 | OK |\n"),
    ):
        found = read(vendor, text)
        assert isinstance(found, Unreadable), (vendor, text)
        assert found.reason.isprintable()
        assert len(found.reason) <= 200


@given(
    st.sampled_from(VENDORS),
    st.lists(st.sampled_from(["| ", "0", " 1 ", "910B3", "OK", "/", "65536", "MiB", "N/A", "\n", "%",
                              "MTT S4000", "MetaX C500", "0000:01:00.0", "Card ", ":", "{", "}", ",",
                              "C", "W", "Total : ", "\x00", "٣", "9" * 400]), max_size=60),
)  # fmt: skip
def test_torn_output_never_raises_and_never_invents_free_memory(vendor, parts) -> None:
    found = vendor.read(lambda _: "".join(parts))
    if isinstance(found, Unreadable):
        assert found.reason
        return
    for card in found:
        assert 0 <= card.memory_free_bytes <= card.memory_bytes
        assert card.utilisation is None or 0 <= card.utilisation <= 1
        assert card.name.isprintable()


def test_output_unknown_is_a_value_error() -> None:
    assert issubclass(OutputUnknown, ValueError)


def test_numa_nodes_and_features(tmp_path: Path) -> None:
    blocks = "".join(
        f"processor : {n}\nmodel name : X\nphysical id : {n // 4}\ncore id : {n % 4}\n"
        "flags : fpu aes avx2 fma f16c avx512f avx512_vnni amx_tile amx_bf16\n\n"
        for n in range(8)
    )
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(blocks)
    for number, cpus in enumerate(("0-3", "4-5,6,7\n")):
        node = tmp_path / f"sys/devices/system/node/node{number}"
        node.mkdir(parents=True)
        (node / "cpulist").write_text(cpus)
        (node / "meminfo").write_text(
            f"Node {number} MemTotal:  1048576 kB\nNode {number} MemFree:  524288 kB\n"
        )
    broken = tmp_path / "sys/devices/system/node/node2"
    broken.mkdir()
    (broken / "cpulist").write_text("x-y,9-3,0-99999999999,")
    cpu = read_cpu(tmp_path)
    assert (cpu.sockets, cpu.numa_nodes) == (2, 3)
    assert [node.cpus for node in cpu.nodes] == [(0, 1, 2, 3), (4, 5, 6, 7), ()]
    assert cpu.nodes[1].memory_bytes == 1 << 30
    assert cpu.nodes[1].memory_free_bytes == 1 << 29
    assert cpu.features == ("aes", "avx2", "fma", "f16c", "avx512", "vnni", "bf16", "amx")


def test_the_watch_looks_once_in_five_seconds() -> None:
    looks = []
    now = [100.0]
    facts = Hardware(CpuFacts("x", 1, 1, frozenset(), 1, 0.0), HostMemory(0, 0))

    def look(root, runner):
        looks.append((root, runner))
        return facts

    watch = HardwareWatch(str, lambda: now[0], look)
    assert watch() is watch() is facts
    assert len(looks) == 1
    now[0] += 5.0
    watch()
    assert looks == [(Path("/"), str)] * 2
