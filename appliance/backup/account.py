"""What a worker of backups is told and tells: requests, secrets and results as JSON objects."""

from dataclasses import asdict
from typing import Any

from appliance.backup.pruning import Pruned
from appliance.backup.repository import Memory, Repository
from appliance.backup.verifying import Verdict


def memory_of(repository: Repository) -> Memory:
    """What the box shall remember of a backup as it stands."""
    found = repository.list
    return Memory(found.repository, found.generation, found.digest)


def standing(repository: Repository) -> dict[str, Any]:
    """The list of snapshots for people, and what to remember."""
    rows = [
        {
            "added": one.added,
            "files": one.files,
            "number": one.number,
            "size": one.size,
            "time": one.time,
            "tree_size": one.tree_size,
            "version": one.version,
        }
        for one in repository.list.snapshots
    ]
    return {"memory": asdict(memory_of(repository)), "snapshots": rows}


def told_verdict(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON."""
    hurts = [
        {"name": hurt.name, "snapshots": list(hurt.snapshots), "why": hurt.why}
        for hurt in verdict.hurts[:100]
    ]
    return {
        "damaged": len(verdict.hurts),
        "hurts": hurts,
        "objects": verdict.objects,
        "ok": verdict.ok,
        "size": verdict.size,
        "whole": list(verdict.whole),
    }


def told_pruned(pruned: Pruned) -> dict[str, Any]:
    """What was forgotten, as JSON."""
    return {"dropped": list(pruned.dropped), "freed": pruned.freed}
