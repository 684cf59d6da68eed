"""Who may sign, by TUF's client workflow: thresholds, kinds of keys, and the chain of roots."""

import pytest
from securesystemslib.signer import CryptoSigner

from tests.installer.vendor.tuf_repository import ALL, Client


def test_below_the_threshold(client, repo):
    repo.signed["root"].roles["snapshot"].threshold = 3
    repo.add_key("snapshot")
    repo.add_key("snapshot")
    repo.publish("root", *ALL)
    assert client.refresh() == 0
    repo.signers["snapshot"].pop()
    repo.publish(*ALL)
    assert client.refresh() == 1
    assert client.roles()["snapshot"] == 2


def test_a_threshold_that_no_signers_can_reach(client, repo):
    for _ in range(4):
        repo.add_key("snapshot")
    repo.signed["root"].roles["snapshot"].threshold = 6
    repo.publish("root", "snapshot", "timestamp")
    assert client.refresh() == 1
    assert client.roles() == {"root": 2, "timestamp": 2}


def test_one_key_listed_many_times_counts_once(client, repo):
    """4.3, 5.3.4: neither ids nor signatures may repeat."""
    signer = repo.add_key("snapshot")
    repo.signed["root"].roles["snapshot"].threshold = 6
    repo.publish("root", "snapshot", "timestamp")
    repeated = [signer.public_key.keyid] * 9
    repo.sign_json("root", lambda s: s["roles"]["snapshot"]["keyids"].extend(repeated))

    def again(document):
        document["signatures"] += document["signatures"][-1:] * 8

    repo.edit("snapshot", again)
    assert client.refresh() == 1
    assert "snapshot" not in client.roles()


def test_a_signature_that_stands_twice(client, repo):
    repo.edit("snapshot", lambda document: document["signatures"].extend(document["signatures"]))
    assert client.refresh() == 1
    assert "snapshot" not in client.roles()


@pytest.mark.parametrize(
    ("kind", "length"), [("rsa", 512), ("ecdsa", 70), ("ed25519", 64)], ids=str
)
def test_kinds_of_keys(client, repo, kind, length):
    """4.2: the key types that the specification names."""
    make = {
        "rsa": lambda: CryptoSigner.generate_rsa(size=2048),
        "ecdsa": CryptoSigner.generate_ecdsa,
        "ed25519": CryptoSigner.generate_ed25519,
    }
    signer = repo.add_key("root", make[kind]())
    repo.signed["root"].roles["root"].threshold = 2
    repo.publish("root")
    assert client.refresh() == 0
    repo.publish("root")

    def spoil(document):
        row = next(r for r in document["signatures"] if r["keyid"] == signer.public_key.keyid)
        row["sig"] = "30" + "45" * (length - 1)

    repo.edit("root", spoil)
    assert client.refresh() == 1
    assert client.roles()["root"] == 2


@pytest.mark.parametrize("signature", ["0" * 128, "", "no hex"])
def test_a_spare_signature_that_does_not_hold_does_no_harm(client, repo, signature):
    old = repo.signers["timestamp"][0].public_key.keyid
    repo.add_key("timestamp")
    repo.publish("root", "timestamp")

    def spoil(document):
        for row in document["signatures"]:
            if row["keyid"] == old:
                row["sig"] = signature

    repo.edit("timestamp", spoil)
    assert client.refresh() == 0


ROOTS = {
    "rotated": ([([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])], True),
    "strangers sign, too": ([([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4])], True),
    "three of five": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 2, 3, 4], 3, [0, 4, 1])], True),
    "one of five anew": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])], True),
    "all of five anew": (
        [
            ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
            ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
            ([5, 6, 7, 8, 9], 3, [5, 6, 7]),
        ],
        True,
    ),
    "threshold raised": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])], True),
    "threshold lowered": (
        [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])],
        True,
    ),
    "not by the old": ([([1], 1, [1]), ([2], 1, [2, 3, 4])], False),
    "not by the new": ([([1], 1, [1]), ([2], 1, [1, 3, 4])], False),
    "too few of the new": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])],
        False,
    ),
    "too few of the old": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])],
        False,
    ),
    "new threshold not reached": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])], False),
    "old threshold not reached": ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])], False),
}


@pytest.mark.parametrize("name", ROOTS)
def test_the_chain_of_roots(web, repo, clock, tmp_path, name):
    """5.3.4: each root is signed by enough keys of the one before and of itself."""
    steps, holds = ROOTS[name]
    pool = [CryptoSigner.generate_ed25519() for _ in range(10)]
    root = repo.signed["root"]
    del repo.published["root"]
    for number, (keys, threshold, signers) in enumerate(steps, start=1):
        root.version = number
        for key_id in list(root.roles["root"].keyids):
            root.revoke_key(key_id, "root")
        for index in keys:
            root.add_key(pool[index].public_key, "root")
        root.roles["root"].threshold = threshold
        repo.signers["root"] = [pool[index] for index in signers]
        repo.show("root", repo.sign("root"))
    client = Client(tmp_path, web.address, clock)
    assert client.init(repo.published["root"][0]) == 0
    assert client.refresh() == (0 if holds else 1)
    kept = (client.folder / "root.json").read_bytes()
    assert kept == repo.published["root"][-1 if holds else -2]


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize(
    ("keys", "threshold", "signers", "holds"),
    [
        ([2], 1, [2], True),
        ([1], 1, [3, 1, 4], True),
        ([2], 1, [1, 3, 4], False),
        ([0, 1, 3, 4, 5], 3, [0, 2, 4], False),
        ([0, 1, 3, 4, 5], 3, [0, 4], False),
        ([0, 1, 2, 3, 4], 3, [0, 4, 1], True),
    ],
)
def test_who_signs_for_the_other_roles(client, repo, role, keys, threshold, signers, holds):
    pool = [CryptoSigner.generate_ed25519() for _ in range(6)]
    root = repo.signed["root"]
    for key_id in list(root.roles[role].keyids):
        root.revoke_key(key_id, role)
    for index in keys:
        root.add_key(pool[index].public_key, role)
    root.roles[role].threshold = threshold
    repo.signers[role] = [pool[index] for index in signers]
    repo.publish("root", *ALL)
    assert client.refresh() == (0 if holds else 1)
    if holds:
        kept = (client.folder / f"{role}.json").read_bytes()
        assert kept == repo.published[role][-1]
    else:
        assert role not in client.roles()


def test_a_threshold_that_is_none(client, repo):
    for threshold in (0, -1, "1", None):
        repo.publish("root")
        repo.sign_json("root", lambda s, t=threshold: s["roles"]["snapshot"].update(threshold=t))
        assert client.refresh() == 1
        repo.published["root"].pop()
        repo.signed["root"].version -= 1
    assert client.refresh() == 0
