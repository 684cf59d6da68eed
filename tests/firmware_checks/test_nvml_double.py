"""A small C library in NVML's place: a healthy, a sick and a hanging GPU, through pynvml itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int sick(void) { return getenv("DOUBLE_SICK") != NULL; }
static int put(char *to, const char *text) { strcpy(to, text); return 0; }
int nvmlInitWithFlags(unsigned f) { if (getenv("DOUBLE_HANGS")) sleep(600); return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int r) { return r == 15 ? "GPU is lost" : "Not Supported"; }
int nvmlSystemGetDriverVersion(char *v, unsigned n) { return put(v, "550.54.15"); }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) {
  *h = (void *)(long)(i + 1); return sick() && i == 1 ? 15 : 0; }
int nvmlDeviceGetName(void *h, char *v, unsigned n) { return put(v, "NVIDIA H100 80GB HBM3"); }
int nvmlDeviceGetUUID(void *h, char *v, unsigned n) { return put(v, "GPU-1"); }
int nvmlDeviceGetVbiosVersion(void *h, char *v, unsigned n) { return put(v, "96.00.74.00.01"); }
int nvmlDeviceGetEccMode(void *h, unsigned *now, unsigned *later) { *now = *later = 1; return 0; }
int nvmlDeviceGetTotalEccErrors(void *h, int t, int c, unsigned long long *n) {
  *n = sick() ? 7 : 0; return 0; }
int nvmlDeviceGetRetiredPages(void *h, int c, unsigned *n, unsigned long long *p) { return 3; }
int nvmlDeviceGetRetiredPagesPendingStatus(void *h, unsigned *p) { return 3; }
int nvmlDeviceGetRemappedRows(void *h, unsigned *c, unsigned *u, unsigned *p, unsigned *f) {
  *c = *u = *p = 0; *f = sick(); return 0; }
int nvmlDeviceGetRowRemapperHistogram(void *h, unsigned *v) {
  v[0] = 640; v[1] = v[2] = v[3] = 0; v[4] = sick() ? 2 : 0; return 0; }
int nvmlDeviceGetCurrentClocksThrottleReasons(void *h, unsigned long long *v) {
  *v = sick() ? 0x40 : 1; return 0; }
int nvmlDeviceGetTemperature(void *h, int sensor, unsigned *v) { *v = sick() ? 89 : 41; return 0; }
int nvmlDeviceGetTemperatureThreshold(void *h, int t, unsigned *v) { *v = 87; return 0; }
int nvmlDeviceGetCurrPcieLinkWidth(void *h, unsigned *v) { *v = sick() ? 4 : 16; return 0; }
int nvmlDeviceGetMaxPcieLinkWidth(void *h, unsigned *v) { *v = 16; return 0; }
int nvmlSystemGetConfComputeCapabilities(unsigned *caps) { caps[0] = caps[1] = 1; return 0; }
int nvmlSystemGetConfComputeState(unsigned *s) { s[0] = 1; s[1] = !sick(); s[2] = 0; return 0; }
"""
PROGRAM = """
import json, sys, time
from pathlib import Path
from firmware_checks.posture import judge
from firmware_checks.probes import gpu
from firmware_checks.probes.gather import gather
from firmware_checks.probes.tree import Tree
gpu._on_bus = lambda tree: ("0000:41:00.0", "0000:42:00.0")
facts = gather(Tree(Path("/")), time.time, cut_off=float(sys.argv[1]))
found = judge(facts).findings
print(json.dumps({f.check.id: f.verdict.outcome.value for f in found if f.check.id[:3] == "gpu"}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here to build the NVML double with")
    folder = tmp_path_factory.mktemp("nvml")
    (folder / "double.c").write_text(SOURCE)
    command = [compiler, "-shared", "-fPIC", "-w", "double.c", "-o", "libnvidia-ml.so.1"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def outcomes(library, cut_off="30", **settings):
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library), **settings}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, cut_off],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_a_healthy_gpu_passes(library):
    found = outcomes(library)
    # This machine has no baseline, and the double no keys that NVIDIA certified.
    unproven = {"gpu.vbios-floor", "gpu.driver-floor", "gpu.attested"}
    assert {name for name, outcome in found.items() if outcome == "could-not-check"} == unproven
    assert {found[name] for name in found.keys() - unproven} == {"pass"}


def test_a_sick_gpu_fails(library):
    assert outcomes(library, DOUBLE_SICK="1") == {
        "gpu.driver": "fail",
        "gpu.ecc": "fail",
        "gpu.memory-health": "fail",
        "gpu.vbios": "could-not-check",
        "gpu.vbios-floor": "could-not-check",
        "gpu.driver-floor": "could-not-check",
        "gpu.confidential": "fail",
        "gpu.spare-rows": "fail",
        "gpu.not-slowed": "fail",
        "gpu.temperature": "fail",
        "gpu.link": "fail",
        "gpu.attested": "not-applicable",
    }


def test_a_hanging_driver_is_cut_off_and_holds_nothing(library):
    assert set(outcomes(library, "1", DOUBLE_HANGS="1").values()) == {"could-not-check"}
