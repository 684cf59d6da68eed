"""TUF's client workflow below the top level: delegations, the search for a file, and downloads."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tuf.api.metadata import Targets

from tests.installer.vendor.test_tuf_client import Clock
from tests.installer.vendor.tuf_repository import ALL, START, Client, Host, Repository, host


@pytest.fixture(scope="module")
def web() -> Iterator[Host]:
    with host() as serving:
        yield serving


@pytest.fixture
def repo(web: Host) -> Repository:
    web.repository = Repository()
    return web.repository


@pytest.fixture
def client(web: Host, repo: Repository, tmp_path, monkeypatch) -> Client:
    clock = Clock()
    monkeypatch.setattr("installer.vendor.terminal.time", clock)
    made = Client(tmp_path, web.address, clock)
    assert made.init(repo.published["root"][0]) == 0
    return made


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
    from urllib.parse import quote

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
    from tuf.api.metadata import Delegations, SuccinctRoles

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
    from hashlib import sha256

    repo.delegate("targets", "A")
    role = repo.signed["targets"].delegations.roles["A"]
    role.paths, role.path_hash_prefixes = None, [sha256(b"mine").hexdigest()[:4]]
    repo.add_file("A", "mine", b"mine")
    repo.add_file("A", "other", b"other")
    repo.publish("A", *ALL)
    assert client.download("mine") == 0
    assert client.download("other") == 1
    assert client.contents() == [b"mine"]


@pytest.mark.parametrize("path", ["file.txt", "path/to/a/file.txt"])
def test_a_download_and_none_where_it_is_there(client, repo, path):
    repo.add_file("targets", path, b"content")
    repo.publish(*ALL)
    assert client.refresh() == 0
    assert client.contents() == []
    assert client.download(path) == 0
    assert client.download(path) == 0
    assert client.contents() == [b"content"]
    assert len(repo.asked_files) == 1


def test_exchanged_content_is_not_kept(client, repo):
    repo.add_file("targets", "one", b"content one")
    repo.add_file("targets", "two", b"content two")
    repo.publish(*ALL)
    assert client.download("one") == 0
    for content in (b"malicious !", b"longer than what was signed for", b""):
        repo.files["one"] = repo.files["two"] = content
        assert client.download("one") == 0, "it is there"
        assert client.download("two") == 1
        assert client.contents() == [b"content one"]


def test_content_that_changes_keeps_its_place(client, repo):
    for turn in range(4):
        repo.add_file("targets", "file", f"turn {turn}".encode())
        repo.publish(*ALL)
        assert client.download("file") == 0
        assert client.contents() == [f"turn {turn}".encode()]
    assert len(list(client.files.iterdir())) == 1


@pytest.mark.parametrize("hashes", [["sha256"], ["sha512"], ["sha256", "sha512"]], ids=str)
def test_digests(client, repo, hashes):
    repo.add_file("targets", "file", b"content", hashes)
    repo.publish(*ALL)
    assert client.download("file") == 0
    assert client.contents() == [b"content"]
    known = repo.signed["targets"].targets["file"].hashes.values()
    assert repo.asked_files[0].split(".")[0] in known


def test_a_digest_that_nobody_knows_proves_nothing(client, repo):
    repo.add_file("targets", "file", b"content", ["sha512"])
    hashes = repo.signed["targets"].targets["file"].hashes
    hashes["unknown-hash"] = hashes.pop("sha512")
    repo.publish(*ALL)
    assert client.download("file") == 1
    assert client.contents() == []


def test_arguments_that_are_missing(client, web, capsys):
    from installer.__main__ import main

    base = ["vendor", "tuf-client", "--metadata-dir", str(client.folder)]
    assert main([*base, "refresh"]) == 1
    url = ["--metadata-url", f"{web.address}/metadata"]
    assert main([*base, *url, "download"]) == 1
    assert main([*base, *url, "--target-name", "x", "download"]) == 1
    told = capsys.readouterr().err
    assert told.count("[vendor.argument-refused]") == 3
    assert "Traceback" not in told


def test_nobody_answers_and_a_second_root(client, repo, capsys):
    from installer.__main__ import main

    base = ["vendor", "tuf-client", "--metadata-dir", str(client.folder)]
    assert main([*base, "--metadata-url", "http://127.0.0.1:9/metadata", "refresh"]) == 1
    assert main([*base, "--metadata-url", "no address", "refresh"]) == 1
    assert client.init(repo.published["root"][0]) == 1
    told = capsys.readouterr().err
    assert "[vendor.folder-taken]" in told
    assert "Traceback" not in told
