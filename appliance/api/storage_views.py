"""What the API shows of the encrypted storage."""

from appliance.contract.base import Text
from appliance.contract.storage import AreaView, FindingView, SpaceView
from appliance.vault.doctor import Finding
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
