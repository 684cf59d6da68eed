"""TUF's client workflow below the top level: delegations, and the search for a file."""

from datetime import timedelta
from hashlib import sha256
from urllib.parse import quote

import pytest
from tuf.api.metadata import Delegations, SuccinctRoles, Targets

from tests.installer.vendor.tuf_repository import ALL, START

# (delegator, role, paths, terminating) in order, and the order of visits for a file of no role.
GRAPHS = {
    "one": ([("targets", "A", "*", False)], "A"),
    "two": ([("targets", "A", "*", False), ("targets", "B", "*", False)], "AB"),
    "two levels": (
        [("targets", "A", "*", False), ("targets", "B", "*", False), ("B", "C", "*", False)],
        "ABC",
    ),
    "depth first": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("A", "C", "*", False),
            ("A", "D", "*", False),
        ],
        "ACDB",
    ),
    "three levels": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("A", "C", "*", False),
            ("C", "D", "*", False),
        ],
        "ACDB",
    ),
    "terminating": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("A", "C", "*", True),
            ("A", "D", "*", False),
        ],
        "AC",
    ),
    "terminating, but for what is below": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("A", "C", "*", True),
            ("C", "D", "*", False),
        ],
        "ACD",
    ),
    "another path": (
        [("targets", "A", "*.py", False), ("targets", "B", "*", False), ("A", "C", "*", False)],
        "B",
    ),
    "another path below": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("A", "C", "*.py", False),
            ("C", "D", "*", False),
        ],
        "AB",
    ),
    "a circle": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("B", "C", "*", False),
            ("C", "D", "*", False),
            ("D", "B", "*", False),
        ],
        "ABCD",
    ),
    "two lead to a third": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("B", "C", "*", False),
            ("A", "C", "*", False),
        ],
        "ACB",
    ),
    "two lead to a third, one for other paths": (
        [
            ("targets", "A", "*", False),
            ("targets", "B", "*", False),
            ("B", "C", "*", False),
            ("A", "C", "*.py", False),
        ],
        "ABC",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_order_of_the_search(client, repo, name):
    """5.6.7: depth first, in the order of the delegations, each role once."""
    edges, visits = GRAPHS[name]
    for delegator, role, paths, terminating in edges:
        repo.delegate(delegator, role, [paths], terminating=terminating)
    repo.publish(*dict.fromkeys(role for _, role, _, _ in edges), *ALL)
    assert client.download("missingpath") == 1
    assert repo.asked[4:] == [(role, 1) for role in visits]


@pytest.mark.parametrize(
    ("path", "found", "visits"),
    [
        ("targetfile", True, ""),
        ("README.md", True, "A"),
        ("releases/x/x_v1", True, "BC"),
        ("releases/y/y_v1.zip", True, "BD"),
        ("releases/z/z_v1.zip", False, "B"),
        ("releases/README.md", False, ""),
        ("foo-1.tgz", True, "A"),
        ("foo-alpha.tgz", False, ""),
        ("README.MD", False, ""),
    ],
)
def test_a_file_is_found_where_every_delegation_on_the_way_allows_it(
    client, repo, path, found, visits
):
    repo.delegate("targets", "A", ["*.doc", "*.md", "foo-?.tgz"])
    repo.delegate("targets", "B", ["releases/*/*"])
    repo.delegate("B", "C", ["releases/x/*"])
    repo.delegate("B", "D", ["releases/y/*.zip"])
    for role, name in (
        ("targets", "targetfile"),
        ("A", "README.md"),
        ("A", "releases/README.md"),
        ("A", "foo-1.tgz"),
        ("A", "foo-alpha.tgz"),
        ("C", "releases/x/x_v1"),
        ("D", "releases/y/y_v1.zip"),
        ("D", "releases/z/z_v1.zip"),
    ):
        repo.add_file(role, name, f"{name} by {role}".encode())
    repo.publish("A", "B", "C", "D", *ALL)
    assert client.download(path) == (0 if found else 1)
    assert client.contents() == ([repo.files[path]] if found else [])
    assert repo.asked[4:] == [(role, 1) for role in visits]


def test_a_role_is_judged_by_whoever_leads_to_it_this_time(client, repo):
    """What one branch vouches for is not vouched for by another, in one run or in two."""
    repo.delegate("targets", "parent-a", ["a/*"])
    repo.delegate("targets", "parent-b", ["b/*"])
    repo.delegate("parent-a", "release", ["a/*"])
    stranger = repo.delegate("parent-b", "release", ["b/*"])
    repo.signers["release"].remove(stranger)
    repo.add_file("release", "a/file", b"trusted A")
    repo.add_file("release", "b/file", b"malicious B")
    repo.publish("release", "parent-a", "parent-b", *ALL)
    assert client.download("a/file", "b/file") == 1
    assert client.contents() == [b"trusted A"]
    assert client.download("b/file") == 1
    assert client.contents() == [b"trusted A"]


def test_a_role_that_the_snapshot_does_not_list_is_not_asked_for(client, repo):
    repo.delegate("targets", "A", ["a/*"])
    repo.publish("A", "targets")
    del repo.signed["snapshot"].meta["A.json"]
    repo.publish("snapshot", "timestamp")
    assert client.refresh() == 0
    repo.asked.clear()
    assert client.download("a/file") == 1
    assert "A" not in client.roles()
    assert repo.asked == [("root", 2), ("timestamp", None)]


def test_an_expired_delegation(client, repo):
    repo.delegate("targets", "A", ["a/*"], expires=START + timedelta(days=7))
    repo.add_file("A", "a/first", b"first")
    repo.add_file("A", "a/second", b"second")
    repo.publish("A", *ALL)
    assert client.download("a/first") == 0
    day_18 = START + timedelta(days=18)
    assert client.download("a/second", now=day_18) == 1
    assert client.contents() == [b"first"]
    repo.signed["A"].expires = START + timedelta(days=21)
    repo.publish("A", "snapshot", "timestamp")
    assert client.download("a/second", now=day_18) == 0
    assert client.contents() == [b"first", b"second"]


@pytest.mark.parametrize("name", ["?", "#", "/delegated", "../delegated", ".", "..", "a b", "角色"])
def test_unusual_names_of_roles(client, repo, name):
    repo.delegate("targets", name)
    repo.publish(name, *ALL)
    assert client.download("nonexistent") == 1
    assert (quote(name, ""), 1) in repo.asked
    assert len(client.roles()) == 5
    assert sorted(path.name for path in client.folder.parent.iterdir()) == [
        "files",
        "initial_root.json",
        "metadata",
    ]


def test_hash_bins(client, repo):
    """Succinct roles (TAP 15): every bin is a role of its own."""
    targets = repo.signed["targets"]
    bins = SuccinctRoles([], 1, 3, "bin")
    targets.delegations = Delegations({}, None, bins)
    signer = repo.signers["targets"][0]
    targets.add_key(signer.public_key)
    for name in bins.get_roles():
        repo.signed[name] = Targets(expires=targets.expires)
        repo.signers[name] = [signer]
    home = bins.get_role_for_target("some/file")
    repo.add_file(home, "some/file", b"binned")
    repo.publish(*bins.get_roles(), *ALL)
    assert client.download("some/file") == 0
    assert client.contents() == [b"binned"]
    assert repo.asked[4:] == [(home, 1)]


def test_prefixes_of_path_hashes(client, repo):
    repo.delegate("targets", "A")
    role = repo.signed["targets"].delegations.roles["A"]
    role.paths, role.path_hash_prefixes = None, [sha256(b"mine").hexdigest()[:4]]
    repo.add_file("A", "mine", b"mine")
    repo.add_file("A", "other", b"other")
    repo.publish("A", *ALL)
    assert client.download("mine") == 0
    assert client.download("other") == 1
    assert client.contents() == [b"mine"]
