"""TUF's client workflow, rule by rule, through the command that the public conformance suite drives.

Chapter numbers are those of the TUF specification 1.0.
"""

import json
from datetime import timedelta

import pytest
from tuf.api.metadata import MetaFile

from tests.installer.vendor.tuf_repository import ALL, START, Client

FRESH = {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 1}


def test_a_refresh_asks_in_order_and_keeps_what_it_got_byte_for_byte(client, repo):
    repo.published["timestamp"][-1] += b" "
    assert client.refresh() == 0
    assert repo.asked == [("root", 2), ("timestamp", None), ("snapshot", 1), ("targets", 1)]
    for role in FRESH:
        kept = (client.folder / f"{role}.json").read_bytes()
        assert kept == repo.published[role][-1]
    repo.asked.clear()
    assert client.refresh() == 0
    assert repo.asked == [("root", 2), ("timestamp", None)], "what is still valid is not asked for"


def test_a_download_refreshes_first(client, repo):
    assert client.download("nonexistent artifact") == 1
    assert repo.asked == [("root", 2), ("timestamp", None), ("snapshot", 1), ("targets", 1)]
    assert client.roles() == FRESH


def test_names_without_versions_where_snapshots_are_not_consistent(client, repo):
    repo.signed["root"].consistent_snapshot = False
    repo.delegate("targets", "A")
    repo.add_file("A", "file", b"content")
    repo.publish("root", "A", *ALL)
    assert client.download("file") == 0
    assert [role for role, version in repo.asked if version is None] == [*ALL[::-1], "A"]
    assert repo.asked_files == ["file"]
    assert client.contents() == [b"content"]


@pytest.mark.parametrize("change", ["no-version", "bad-signature", "not-json", "unsigned"])
def test_a_root_that_does_not_hold_is_not_trusted_and_nothing_is_asked(
    web, repo, clock, tmp_path, change
):
    document = json.loads(repo.published["root"][0])
    if change == "no-version":
        del document["signed"]["version"]
    if change == "bad-signature":
        document["signatures"][0]["sig"] = "0" * 128
    if change == "unsigned":
        document["signatures"] = []
    raw = b"{" if change == "not-json" else json.dumps(document).encode()
    client = Client(tmp_path, web.address, clock)
    assert client.init(raw) == 1
    assert client.refresh() == 1
    # Nor is one that got into the folder by itself.
    (client.folder / "root.json").write_bytes(raw)
    assert client.refresh() == 1
    assert repo.asked == []


@pytest.mark.parametrize(
    ("role", "left"),
    [
        ("root", {"root": 1}),
        ("timestamp", {"root": 2}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "snapshot": 2, "timestamp": 2}),
    ],
)
def test_a_role_that_is_not_signed_ends_the_refresh_there(client, repo, role, left):
    repo.signers[role].clear()
    repo.publish("root", *ALL)
    assert client.refresh() == 1
    assert client.roles() == left


@pytest.mark.parametrize(
    ("role", "left"),
    [
        ("root", {"root": 1}),
        ("snapshot", {"root": 2, "timestamp": 2}),
        ("targets", {"root": 2, "snapshot": 2, "timestamp": 2}),
    ],
)
def test_a_version_other_than_the_name_says(client, repo, role, left):
    """5.3.5, 5.5.4, 5.6.4: version 3 lies where version 2 should."""
    for one in ("root", *ALL):
        repo.publish(one)
        if one == role:
            repo.sign_json(role, lambda signed: signed.update(version=3))
    assert client.refresh() == 1
    assert client.roles() == left


def test_another_timestamp_under_the_same_version_is_left(client, repo):
    assert client.refresh() == 0
    repo.signed["timestamp"].snapshot_meta = MetaFile(100)
    repo.restart("timestamp")
    repo.publish("timestamp")
    repo.signed["timestamp"].version = 1
    assert client.refresh() == 0
    assert repo.asked[-1] == ("timestamp", None)
    kept = json.loads((client.folder / "timestamp.json").read_bytes())
    assert kept["signed"]["meta"]["snapshot.json"]["version"] == 1


def test_digests_of_metadata_count_where_they_are_given(client, repo):
    """5.5.2, 5.6.2."""
    repo.hashes = True
    repo.publish(*ALL)
    assert client.refresh() == 0
    repo.publish("targets")
    repo.signed["snapshot"].meta["targets.json"].hashes["sha256"] = "0" * 64
    repo.publish("snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.roles() == {"root": 1, "snapshot": 3, "targets": 2, "timestamp": 3}


def test_fields_that_nobody_knows_are_signed_for_too(client, repo):
    """4.1: they belong to what is hashed and signed, and harm nothing."""
    root = repo.signed["root"]
    root.unrecognized_fields["custom"] = {"a": [1, "b"]}
    root.roles["root"].unrecognized_fields["other"] = "value"
    key = next(iter(root.keys.values()))
    key.unrecognized_fields["keyid_hash_algorithms"] = ["md5"]
    repo.publish("root", *ALL)
    assert client.refresh() == 0
    assert client.roles() == {"root": 2, "snapshot": 2, "targets": 2, "timestamp": 2}


@pytest.mark.parametrize(
    ("role", "left", "last"),
    [
        ("timestamp", FRESH, ("timestamp", None)),
        ("snapshot", FRESH | {"timestamp": 2}, ("snapshot", 2)),
        ("targets", FRESH | {"timestamp": 2, "snapshot": 2}, ("targets", 2)),
    ],
)
def test_what_is_missing_leaves_what_came_before_it(client, repo, role, left, last):
    assert client.refresh() == 0
    if role == "timestamp":
        del repo.published["timestamp"]
    if role == "snapshot":
        repo.signed["timestamp"].snapshot_meta = MetaFile(2)
        repo.publish("timestamp")
    if role == "targets":
        repo.signed["snapshot"].meta["targets.json"] = MetaFile(2)
        repo.publish("snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.roles() == left
    assert repo.asked[-1] == last


def test_a_snapshot_that_looks_like_a_timestamp_is_none(client, repo):
    repo.add_key("snapshot", repo.signers["timestamp"][0])
    repo.signed["snapshot"].meta = {"snapshot.json": MetaFile(1)}
    repo.publish("root", "snapshot")
    repo.published["timestamp"].append(repo.published["snapshot"].pop())
    assert client.refresh() == 1
    assert client.roles() == {"root": 2}


def test_a_root_that_has_expired_is_kept_and_ends_everything(client, repo):
    """5.3.10: the newest root first, its expiry then."""
    assert client.refresh() == 0
    repo.signed["root"].expires = START - timedelta(days=1)
    repo.publish("root", *ALL)
    assert client.refresh() == 1
    assert client.roles() == FRESH | {"root": 2}


@pytest.mark.parametrize(
    ("role", "left"),
    [
        ("timestamp", FRESH),
        ("snapshot", FRESH | {"timestamp": 2}),
        ("targets", FRESH | {"timestamp": 2, "snapshot": 2}),
    ],
)
def test_expired_metadata_is_not_taken(client, repo, role, left):
    """5.4.4, 5.5.6, 5.6.6."""
    assert client.refresh() == 0
    repo.signed[role].expires = START - timedelta(days=5)
    repo.publish(*ALL)
    assert client.refresh() == 1
    assert client.roles() == left


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_what_is_kept_may_expire_as_long_as_something_newer_has_not(client, repo, role):
    repo.signed[role].expires = START + timedelta(days=7)
    repo.publish("root", *ALL)
    assert client.refresh() == 0
    day_18 = START + timedelta(days=18)
    assert client.refresh(day_18) == 1
    repo.signed[role].expires = START + timedelta(days=21)
    repo.publish("root", *ALL)
    assert client.refresh(day_18) == 0
    assert set(client.roles().values()) == {3}


@pytest.mark.parametrize("hashes", [False, True])
@pytest.mark.parametrize("role", ALL)
def test_rolled_back(client, repo, role, hashes):
    """5.4.3, 5.5.5."""
    repo.hashes = hashes
    repo.publish(*ALL)
    assert client.refresh() == 0
    before = client.roles()
    repo.restart(role)
    repo.publish(*dict.fromkeys((role, "snapshot", "timestamp")))
    if role != "timestamp":
        repo.publish("timestamp")
    repo.asked.clear()
    assert client.refresh() == 1
    after = client.roles()
    assert after[role] == before[role] == 2
    assert after["snapshot"] == 2


def test_no_role_disappears_from_the_snapshot(client, repo):
    repo.delegate("targets", "A")
    repo.publish("A", *ALL)
    assert client.refresh() == 0
    del repo.signed["snapshot"].meta["A.json"]
    repo.publish("snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.roles()["snapshot"] == 2


@pytest.mark.parametrize("role", ALL)
def test_new_keys_bring_a_role_back_from_a_version_too_high(client, repo, role):
    """5.3.11: the recovery from a fast-forward attack."""
    repo.delegate("targets", "A")
    repo.publish("A", "targets")
    for _ in range(20):
        repo.publish(role)
    repo.publish(*[one for one in ("snapshot", "timestamp") if one != role])
    assert client.refresh() == 0
    assert client.roles()[role] > 20
    for stolen in {"timestamp": ["timestamp"], "snapshot": ["snapshot", "timestamp"]}.get(
        role, ["snapshot"]
    ):
        repo.rotate(stolen)
    if role == "targets":
        del repo.signed["snapshot"].meta["A.json"]
    repo.restart(role)
    repo.publish("root")
    repo.publish(*dict.fromkeys((role, "snapshot", "timestamp")))
    assert client.refresh() == 0
    assert client.roles()[role] == 1


def test_a_repository_that_moves_its_snapshot_without_telling_is_followed_as_told(client, repo):
    assert client.refresh() == 0
    repo.publish("targets")
    assert client.refresh() == 0
    assert client.roles() == FRESH
    assert repo.asked[-1] == ("timestamp", None)


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot"])
def test_endless_metadata_is_not_read_to_its_end(client, repo, role):
    repo.publish("root", *ALL)
    repo.published[role][-1] += b" " * 2_100_000
    assert client.refresh() == 1
    assert client.roles().get(role, 1) == 1
