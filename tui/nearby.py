"""What the serving screen says about the other boxes of the cluster: pure."""

from itertools import islice

from textual.content import Content

from appliance.contract.cluster import ClusterNeighbour, ClusterNeighbours, ClusterReplica
from tui import theme
from tui.inert import inert

BOXES, OFFERS = 64, 12
"""How many boxes are listed, and how many offers of each."""


def title(seen: ClusterNeighbours) -> str:
    """How many boxes stand how: those that are gone may lie below what is in view."""
    states = [one.state for one in seen.boxes]
    told = [
        f"{sign.mark} {sign.zh} {states.count(state)}"
        for state, sign in theme.NEARBY.items()
        if state in states
    ]
    return " · ".join(("多机 Other boxes", *told))


def boxes(seen: ClusterNeighbours) -> Content:
    """What this box lends, and one line for each other box."""
    lent = " · ".join(inert(name, 30) for name in islice(seen.shared, OFFERS))
    parts: list[str | Content | tuple[str, str]] = [
        "本机借出 this box lends ",
        (lent, "bold") if lent else ("– (wardbox cluster share)", theme.QUIET),
    ]
    if not seen.door:
        parts.append(("  ▲ 对等入口未打开 its door is closed", theme.WARN))
    for one in islice(seen.boxes, BOXES):
        parts += ["\n", theme.NEARBY[one.state].content(), _box(one)]
    if len(seen.boxes) > BOXES:
        parts.append(f"\n… +{len(seen.boxes) - BOXES}")
    if not seen.boxes:
        parts.append(("\n还没有其他一体机。 There is no other box yet.", theme.QUIET))
    return Content.assemble(*parts)


def _box(one: ClusterNeighbour) -> Content:
    said = f"  {inert(one.name, 20)} {inert(one.address, 45)}".rstrip()
    since = f"  自 since {one.lost:%m-%d %H:%M} UTC" if one.lost is not None else ""
    if not since and one.state == "silent":
        since = "  从未听到 never heard" if one.heard_s is None else f"  {_ago(one.heard_s)}"
    offers = " · ".join(f"{_named(rep)} {_busy(rep)}" for rep in islice(one.replicas, OFFERS))
    more = f" +{len(one.replicas) - OFFERS}" if len(one.replicas) > OFFERS else ""
    nothing = "  没有借出 lends nothing" if one.state == "alive" and not offers else ""
    return Content.assemble((said, "bold"), (since + nothing, theme.QUIET), f"  {offers}{more}")


def _ago(seconds: float) -> str:
    return f"{theme.duration(seconds)} 未听到 since last heard"


def elsewhere(seen: ClusterNeighbours | None, model: str) -> str:
    """Where else a model is answered, and whether this box lends it; empty outside a cluster."""
    if seen is None or not seen.address:
        return ""
    found = [rep for one in seen.boxes for rep in one.replicas if rep.model == model]
    places = " · ".join(f"{inert(rep.address, 45)} {_busy(rep)}" for rep in islice(found, OFFERS))
    lent = "借出 lent" if model in seen.shared else "未借出 not lent"
    return f"多机 other boxes: {lent} · 副本 replicas {places or '–'}"


def _named(rep: ClusterReplica) -> str:
    name = inert(rep.model, 30)
    return name if rep.adapter is None else f"{name}+{inert(rep.adapter, 20)}"


def _busy(rep: ClusterReplica) -> str:
    return f"{rep.busy}/{rep.slots}" + (" ‖" if rep.resting else "")
