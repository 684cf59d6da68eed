"""The summary of an export: what it counts, and that nothing in it is markup that somebody wrote."""

import json
import re
from html.parser import HTMLParser

from appliance.audit.event import Entry, Event
from appliance.audit.export import export
from appliance.audit.export_order import Selection
from appliance.audit.export_page import summary_page
from appliance.audit.export_tally import MOST_NOTABLE, Tally
from appliance.audit.query import Query

DAY = 86_400_000_000
HOSTILE = "<script>alert(1)</script>'\"&\x1b[31m\u202e"
MANIFEST = {
    "bodies": False,
    "created": "2026-03-01T08:00:00+00:00",
    "filter": None,
    "first": 0,
    "last": 9,
    "origin": "wardbox/test",
    "software": "",
    "tree_size": 10,
}


class Page(HTMLParser):
    """Which elements and attributes a page has, and its text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags, self.attributes, self.text = set(), [], []
        self.open: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def entry(index: int, tag: str, day: int = 0, actor: str = "key:a", subject=None, **details):
    return Entry(index, day * DAY + index, "b", Event(tag, actor, subject, None, details), b"")


def tallied(*entries: Entry) -> Tally:
    tally = Tally()
    for one in entries:
        tally.count(one)
    return tally


def test_it_counts():
    tally = tallied(
        entry(0, "model:completion:answer", 20000, model="m", patient="p"),
        entry(1, "model:completion:fail", 20000, code="engine.silent", model="m"),
        entry(2, "access:key:create", 20003, actor="user:a", subject="k"),
        entry(3, "audit:log:verify", 20003, ok=True),
        entry(4, "audit:log:verify", 20003, ok=False),
        entry(5, "box:audit:start", 20003, actor="box"),
        entry(6, "later:thing:happen", 20003),
    )
    assert (tally.entries, tally.failures) == (7, 2)
    assert [one.index for one in tally.notable] == [1, 2, 4]
    assert tally.notable[0].why == "engine.silent"
    assert tally.busiest(60) == [
        ("2024-10-04", 2),
        ("2024-10-05", 0),
        ("2024-10-06", 0),
        ("2024-10-07", 5),
    ]
    assert tally.busiest(2) == [("2024-10-04", 2), ("2024-10-06", 5)]
    assert dict(tally.models) == {"m": 2}
    assert dict(tally.patients) == {"p": 1}
    text = "".join(Page(summary_page(tally, MANIFEST, "ab" * 32, "key")).text)
    assert "engine.silent" in text
    assert "later:thing:happen" in text


def test_its_memory_is_bounded():
    tally = tallied(*(entry(n, "access:key:refuse", actor=f"user:{n}") for n in range(6000)))
    assert tally.entries == sum(tally.actors.values()) == 6000
    assert len(tally.actors) == 5001
    assert len(tally.notable) == MOST_NOTABLE
    assert tally.more_notable == 6000 - MOST_NOTABLE
    page = summary_page(tally, MANIFEST, "ab" * 32, "key")
    assert len(page) < 200_000
    assert b"5,700" in page


def test_nothing_that_somebody_wrote_is_markup():
    tally = tallied(
        entry(0, HOSTILE, actor=HOSTILE, subject=HOSTILE, ok=False, model=HOSTILE, patient=HOSTILE)
    )
    conditions = dict.fromkeys(
        ("actor", "model", "patient", "tag", "receipt", "request_id"), HOSTILE
    )
    manifest = MANIFEST | {
        "origin": HOSTILE,
        "software": HOSTILE,
        "created": HOSTILE,
        "bodies": True,
        "filter": conditions | {"since": 0, "until": DAY},
    }
    data = summary_page(tally, manifest, HOSTILE, HOSTILE)
    page = Page(data)
    assert "script" not in page.tags
    assert page.open == []
    assert not re.search(rb"[\x00-\x09\x0b-\x1f]", data)
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in {"src", "href", "srcset", "action"}, (name, value)
    assert "default-src 'none'" in dict(page.attributes)["content"] or b"default-src 'none'" in data
    assert b"url(" not in data
    assert b"@import" not in data


def test_an_empty_tally_is_a_page_too():
    assert Tally().busiest(60) == []
    assert Page(summary_page(Tally(), MANIFEST, "ab" * 32, "key")).open == []


def test_the_page_of_an_export_tells_its_conditions(materials, tmp_path):
    query = Query(actor="key:1", since=0, until=2**52)
    export(materials, tmp_path / "out", Selection(filter=query))
    data = (tmp_path / "out/summary.html").read_bytes()
    text = "".join(Page(data).text)
    assert "100记录" in text.replace(" ", "")
    assert "key:1" in text
    assert json.loads((tmp_path / "out/manifest.json").read_bytes())["filter"]["actor"] == "key:1"
