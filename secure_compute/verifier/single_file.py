"""Stand-alone programs: modules of this package joined into one file without imports of its own."""

import ast
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

_PARTS: Final = (
    "ed25519",
    "p256",
    "reading",
    "notes",
    "memory",
    "tree",
    "entries",
    "proofs",
    "folder",
    "history",
    "laid",
    "sticks",
    "bodies",
    "judge",
)
_OWN: Final = "secure_compute"
_TYPING_ONLY: Final = "TYPE_CHECKING"


@cache
def verifier_source() -> bytes:
    """The program that goes beside every audit export; UTF-8, Python 3.8 or later."""
    return joined(tuple(f"verifier.{part}" for part in _PARTS))


def joined(parts: Sequence[str]) -> bytes:
    """One program out of modules of this package, named as "room.module", its own last.

    The modules are joined in the order of their imports; imports between them are left out, all
    others are gathered at the top. What is shipped is therefore what is linted, typed and tested.
    """
    package = files(_OWN)
    sources = [
        package.joinpath(*part.split(".")[:-1], f"{part.split('.')[-1]}.py").read_text("utf-8")
        for part in parts
    ]
    trees = [ast.parse(source) for source in sources]
    docstring = ast.get_docstring(trees[-1], clean=False)
    imports = _merged(trees)
    bodies = [_body(source, tree) for source, tree in zip(sources, trees, strict=True)]
    head = f'"""{docstring}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(imports)
    return ("#!/usr/bin/env python3\n" + head + "\n\n\n" + "\n\n\n".join(bodies) + "\n").encode()


def _merged(trees: list[ast.Module]) -> list[str]:
    """The imports of the standard library, each module once, those for types included."""
    whole: set[str] = set()
    names: defaultdict[str, set[str]] = defaultdict(set)
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            whole |= {f"import {alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names[str(node.module)] |= {alias.name for alias in node.names} - {_TYPING_ONLY}
    lines = [
        f"from {module} import {', '.join(sorted(found))}"
        for module, found in sorted(names.items())
        if found and module != "__future__" and not module.startswith(_OWN)
    ]
    return sorted(whole) + lines


def _body(source: str, tree: ast.Module) -> str:
    """Everything after the last import, comments included."""
    last = max(node.end_lineno or 0 for node in tree.body if _is_import(node))
    return "\n".join(source.splitlines()[last:]).strip()


def _is_import(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == _TYPING_ONLY
    return isinstance(node, ast.Import | ast.ImportFrom)
