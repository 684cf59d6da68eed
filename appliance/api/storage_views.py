"""What the API shows of the encrypted storage."""

from appliance.api.front import Front
from appliance.contract.base import Text
from appliance.contract.storage import AreaView, FindingView, SpaceView, StorageView
from appliance.services.open_box import Services
from appliance.vault.doctor import Finding, examine
from appliance.vault.space import Level, Space

_LEVELS = {
    Level.OK: "ok",
    Level.LOW: "low",
    Level.CRITICAL: "critical",
    Level.RESERVE: "reserve",
}


def finding_view(finding: Finding) -> FindingView:
    """One finding of the doctor."""
    told = Text(zh=finding.zh, en=finding.en)
    return FindingView(subject=finding.subject, verdict=finding.verdict, told=told)


def storage_view(front: Front, box: Services) -> StorageView:
    """Back end, suite, findings and space; reads the machine, so it belongs in a thread."""
    return StorageView(
        time=front.clock(),
        backend=front.vault.status().backend,
        suite=front.vault.suite.id,
        findings=tuple(map(finding_view, examine(front.layout))),
        space=space_view(box.space.keeper.now),
    )


def space_view(space: Space) -> SpaceView:
    """What was last seen of the disk."""
    areas = tuple(AreaView(name=one.name, used=one.used, quota=one.quota) for one in space.areas)
    return SpaceView.model_validate(
        {
            "total": space.total,
            "free": space.free,
            "reserve": space.reserve,
            "level": _LEVELS[space.level],
            "areas": areas,
        }
    )
