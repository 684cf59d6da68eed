"""The Grafana dashboard: made by the code, every metric it names is there, every metric is shown."""

import json
import re
from pathlib import Path

from appliance.telemetry.dashboard import PANELS, dashboard, dashboard_text
from appliance.telemetry.metrics import METRICS

FILE = Path(__file__).parents[3] / "docs/operate/grafana/wardbox.json"
RENEW = (
    "python -c 'from appliance.telemetry.dashboard import *; "
    'open("docs/operate/grafana/wardbox.json", "w").write(dashboard_text())\''
)


def named() -> set[str]:
    return {
        name
        for panel in PANELS
        for expression, _ in panel.queries
        for name in re.findall(r"wardbox_[a-z_]+", expression)
    }


def test_the_file_is_what_the_code_makes() -> None:
    assert FILE.read_text("utf-8") == dashboard_text(), RENEW
    assert json.loads(FILE.read_text("utf-8"))["uid"] == "wardbox"


def test_every_metric_that_it_names_exists() -> None:
    known = {name for metric in METRICS for name in metric.series}
    assert named() <= known, named() - known


def test_every_metric_is_shown_somewhere() -> None:
    hidden = [
        metric.name
        for metric in METRICS
        if not named() & set(metric.series)
        and metric.name not in {"wardbox_audit_entries", "wardbox_event_followers"}
    ]
    assert hidden == []


def test_panels_neither_overlap_nor_leave_the_page() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        mine = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & mine
        cells |= mine


def test_brackets_of_every_expression_close() -> None:
    for panel in PANELS:
        for expression, _ in panel.queries:
            for opening, closing in ("()", "[]", "{}"):
                assert expression.count(opening) == expression.count(closing)
