"""The house keeps its shape: module length, first lines, empty package files, light imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = (
    "tui",
    "installer",
    "appliance",
    "eval",
    "models",
    "secure_compute",
    "firmware_checks",
)
MODULES = sorted(
    path for house in HOUSE for path in (ROOT / house).rglob("*.py") if path.name != "__init__.py"
)
HEAVY = (
    "torch",
    "transformers",
    "vllm",
    "llama_cpp",
    "tenseal",
    "textual",
    "fastapi",
    "numpy",
    "pydantic",
)
LIGHT = (
    "appliance.__main__",
    "installer.plan",
    "installer.preflight",
    "models.__main__",
    "models.registry.shelf",
    "models.formats.inspect",
    "models.reference.checking",
    "firmware_checks.report",
    "secure_compute.merkle",
)
GENERIC = re.compile(r"^(utils?|helpers?|common|misc|shared|core)(\.py)?$")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_the_eye(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    assert re.match(r'"""\S.{8,98}[.;?。](\n|""")', text), "line 1 says what the module is"


def test_a_module_of_tests_fits_the_eye_too() -> None:
    tests = (path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts)
    assert [path for path in tests if path.read_text("utf-8").count("\n") > 300] == []


@pytest.mark.parametrize("house", HOUSE)
def test_a_package_file_is_empty(house: str) -> None:
    assert [p for p in (ROOT / house).rglob("__init__.py") if p.read_bytes()] == []


@pytest.mark.parametrize("house", HOUSE)
def test_every_folder_with_code_is_a_package(house: str) -> None:
    folders = {path.parent for path in (ROOT / house).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_nothing_has_a_generic_name() -> None:
    assert [path for path in MODULES if any(GENERIC.match(part) for part in path.parts)] == []


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    allowed = {"__main__", "statistics"}
    top = {path.stem for path in MODULES if path.parent.parent == ROOT}
    assert top & set(sys.stdlib_module_names) - allowed == set()


@pytest.mark.parametrize("light", LIGHT)
def test_light_stays_light(light: str) -> None:
    code = f"import sys, {light}; print([name for name in {HEAVY!r} if name in sys.modules])"
    heavy = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert heavy.strip() == "[]"


WALLS = {
    "appliance/api/door.py",
    "appliance/api/events.py",
    "appliance/api/hot/answer.py",
    "appliance/api/hot/route.py",
    "appliance/api/hot/swift.py",
    "appliance/jobs/run.py",
    "appliance/serving/residency.py",
    "models/engines/lifecycle.py",
    "models/training/worker.py",
}
"""Where a failure of any kind is turned into an answer: API handler, job worker, engine task."""


def _swallows_everything(node: ast.AST) -> bool:
    """True for a handler of every exception that does not raise it on after cleaning up."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    names = {"Exception", "BaseException"}
    everything = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in names)
    last = node.body[-1]
    return everything and not (isinstance(last, ast.Raise) and last.exc is None)


def test_except_exception_stands_at_the_walls_only() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(map(_swallows_everything, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == WALLS


def test_no_private_key_is_tracked() -> None:
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    key = re.compile(rb"BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}")
    assert [name for name in listed if name and key.search((ROOT / name).read_bytes())] == []
