"""The forms of the log as its code has them: `python -m tests.appliance.updates.log_forms` writes the file.

The code is the source: steps are carried out and listened to, statements are read out of the modules
that speak to the databases. The file is what a release tells of itself; a test compares the two.
"""

import ast
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlcipher3 import dbapi2 as sqlcipher
from sqlite_utils import Database

from appliance.audit import closed_store, open_store, schema
from appliance.audit import store as audit_store
from appliance.bodies import store as body_store
from appliance.db.migration import Migration
from appliance.updates.log_forms import FORMAT, OWN

_SPEAKS = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\s")
ROOMS = {
    "audit.db": (schema.MIGRATIONS, (audit_store, closed_store, open_store), schema.INSERTS[1]),
    "bodies.db": (body_store.MIGRATIONS, (body_store,), None),
}


def plain(statement: str) -> str:
    return " ".join(statement.split())


def heard(steps: Sequence[Migration]) -> list[dict[str, object]]:
    """Each step with the statements that it carries out."""
    database = sqlcipher.connect(":memory:", isolation_level=None)
    said: list[str] = []
    told = []
    for step in steps:
        said.clear()
        database.set_trace_callback(lambda text: said.append(plain(text)))
        step.apply(Database(database, execute_plugins=False))
        database.set_trace_callback(None)
        told.append(
            {
                "id": step.id,
                "statements": [one for one in said if not one.startswith(("--", "PRAGMA"))],
            }
        )
    database.close()
    return told


def spoken(modules: Iterable[object], more: str | None) -> list[str]:
    """Every statement that stands in modules."""
    found = set() if more is None else {plain(more)}
    for module in modules:
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))  # type: ignore[attr-defined]
        found |= {
            plain(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _SPEAKS.match(node.value)
        }
    return sorted(found)


def document() -> bytes:
    databases = {
        name: {"steps": heard(steps), "spoken": spoken(modules, more)}
        for name, (steps, modules, more) in ROOMS.items()
    }
    told = {"format": FORMAT, "databases": databases}
    return json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    OWN.write_bytes(document())
