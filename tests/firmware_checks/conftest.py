"""The maker of the tests' GPUs is trusted here in NVIDIA's place."""

from functools import partial

import pytest

from firmware_checks.attestation.evidence import attested
from firmware_checks.attestation.manifest import verified
from firmware_checks.probes import attestation
from tests.firmware_checks.gpu_evidence import SOUND


@pytest.fixture(autouse=True)
def _own_maker(monkeypatch):
    monkeypatch.setattr(attestation, "attested", partial(attested, roots=SOUND.roots))
    monkeypatch.setattr(attestation, "verified", partial(verified, roots=SOUND.roots))
