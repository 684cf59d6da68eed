"""`wardbox console`: options, refusals, and a light start."""

import subprocess
import sys
from pathlib import Path

import pytest

from tui.app import ConsoleApp

ROOT = Path(__file__).resolve().parents[2]


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *options],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv=['x','--help']\nimport tui.__main__ as m\n"
        "try: m.main()\nexcept SystemExit: pass\n"
        "print([n for n in ('textual','pydantic','aiohttp','rich') if n in sys.modules])"
    )
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert said.strip().endswith("[]")
    assert "控制台" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ca", "x"), "--url"),
        (("--url", "http://box"), "https://"),
        (("--url", "https://box", "--state", "x"), "--state"),
        (("--url", "https://box", "--ca", "/nowhere"), "/nowhere"),
        ((), "wardbox status"),
    ],
)
def test_options_that_make_no_sense_are_a_sentence(options: tuple[str, ...], said: str) -> None:
    done = _run(*options)
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_every_sheet_is_read_at_the_start() -> None:
    home = ROOT / "tui"
    lying = {str(sheet.relative_to(home)) for sheet in home.rglob("*.tcss")}
    assert sorted(lying) == sorted(ConsoleApp.CSS_PATH)
