"""The documents say what is there: the tree in the README, the example, the commands."""

import json
import re
import subprocess
import sys
from pathlib import Path

from models.reference.example import example_facts

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


def test_the_example_is_the_one_that_the_smoke_check_drafts() -> None:
    example = json.loads((ROOT / "docs/examples/cataract.json").read_text(encoding="utf-8"))
    assert example == example_facts().to_json()


def test_the_readme_names_every_room() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.split("## The rooms", 1)[1]
    named = set(re.findall(r"^    ([a-z_]+)/", tree, re.MULTILINE))
    named |= {
        f"{house}/{room}"
        for house, block in re.findall(r"^    ([a-z_]+)/.*\n((?:      .*\n)*)", tree, re.MULTILINE)
        for room in re.findall(r"^      ([a-z_]+)/", block, re.MULTILINE)
    }
    rooms = {
        f"{house}/{path.name}"
        for house in HOUSE
        for path in (ROOT / house).iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert rooms <= named, rooms - named
    assert {name for name in named if "/" in name} <= rooms


def test_the_command_list_names_what_the_launcher_knows() -> None:
    launcher = (ROOT / "wardbox").read_text(encoding="utf-8")
    handed = set(re.findall(r"^    ([a-z| ]+)\)", launcher, re.MULTILINE))
    names = {name.strip() for group in handed for name in group.split("|")}
    said = subprocess.check_output(
        [sys.executable, "-m", "appliance", "--help"], cwd=ROOT, text=True
    )
    assert names
    assert [name for name in names if not re.search(rf"^\s+{name}\s", said, re.MULTILINE)] == []


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:\s]+)\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
