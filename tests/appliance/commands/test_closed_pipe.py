"""A listing whose reader has seen enough: `wardbox backup list | head -1`."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from types import SimpleNamespace
import appliance.__main__ as program

def run(args):
    for number in range(int(sys.argv[1])):
        print(number)
    return 0

made = SimpleNamespace(add_parser=lambda commands: commands.add_parser("many"), run=run)
program.COMMANDS = {"many": made}
sys.exit(program.main(["many"]))
"""


@pytest.mark.parametrize("lines", [3, 100_000])
def test_a_reader_that_leaves_is_no_fault(lines: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(lines)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        said = program.stderr.read()
        assert (program.wait(60), said) == (141, b"")
