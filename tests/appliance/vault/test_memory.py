"""Keys in memory: there while the vault is open, nowhere in the process once it is locked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from secure_compute.guard import guard, guarded, readable
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.key_holder import MASK

ROOT = Path(__file__).parents[3]


def _found(pid: int, keys: dict[str, bytes]) -> set[str]:
    """The keys, raw or in hexadecimal digits, that lie in writable memory of a process."""
    found: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, flags = line.split()[:2]
            low, high = (int(part, 16) for part in span.split("-"))
            if not flags.startswith("rw"):
                continue
            memory.seek(low)
            try:
                held = memory.read(high - low)
            except OSError:
                continue
            for name, key in keys.items():
                if key in held or key.hex().encode() in held:
                    found.add(name)
    return found


@pytest.mark.parametrize("more", [(), ("rotate",)])
def test_a_locked_vault_has_left_no_key_in_memory(vault, created, layout, more):
    vault.unlock(PASSPHRASE)
    vault.close()
    command = [sys.executable, "-m", "tests.appliance.vault.key_holder", str(layout.root), *more]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        keys = {}
        while (line := holder.stdout.readline()) != "open\n":
            name, _, masked = line.strip().partition(" ")
            keys[name] = bytes(byte ^ MASK for byte in bytes.fromhex(masked))
        assert {"root", "kek", "box.db/1", "audit.db/1", "signing.audit/1"} <= set(keys)
        try:
            before = _found(holder.pid, keys)
        except PermissionError:
            holder.kill()
            pytest.skip("this user may not read the memory of another process")
        print(file=holder.stdin, flush=True)
        assert holder.stdout.readline() == "locked\n"
        after = _found(holder.pid, keys)
        holder.kill()
    # The same search finds every one of them while the vault is open.
    assert before == set(keys)
    assert after == set()


def test_a_guarded_process_leaves_no_core_and_opens_itself_for_a_moment_only():
    pid = os.fork()
    if pid == 0:
        told = [guard(), guarded()]
        with readable():
            told.append(not guarded())
        told.append(guarded())
        os._exit(0 if all(told) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not guarded()
