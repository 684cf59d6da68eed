"""Repositories that sign nonsense: the client says so and ends with status 1, whatever it is."""

import copy
from hashlib import sha256
from typing import Any

import pytest
from securesystemslib.exceptions import FormatError
from tuf.api.metadata import Delegations, SuccinctRoles, Targets

from tests.appliance.updates.test_hostile_forms import JUNK, places, put
from tests.installer.vendor.tuf_repository import ALL, LATER, Client, Repository

ROLES = ("root", "timestamp", "snapshot", "targets", "targets by hash", "targets in bins", "A")


def _fill(repo: Repository, form: str) -> None:
    targets, home = repo.signed["targets"], "A"
    if form == "targets in bins":
        bins = SuccinctRoles([], 1, 1, "bin")
        targets.delegations = Delegations({}, None, bins)
        targets.add_key(repo.signers["targets"][0].public_key)
        home = bins.get_role_for_target("a/file")
        repo.signed[home], repo.signers[home] = Targets(expires=LATER), repo.signers["targets"]
    else:
        repo.delegate("targets", "A", ["a/*"])
    if form == "targets by hash":
        role = targets.delegations.roles["A"]
        role.paths, role.path_hash_prefixes = None, [sha256(b"a/file").hexdigest()[:2]]
    repo.add_file(home, "a/file", b"content")
    repo.publish(home, *ALL, "root")


@pytest.mark.parametrize("form", ROLES)
@pytest.mark.parametrize("step", [199, pytest.param(1, marks=pytest.mark.slow)])
def test_junk_in_any_place(web, repo, clock, tmp_path, capsys, form, step):
    _fill(repo, form)
    role = form.split()[0]
    signed = copy.deepcopy(repo.signed[role].to_dict())
    whole = {name: list(shown) for name, shown in repo.published.items()}
    wanted = [(place, junk) for place in places(signed) if place for junk in JUNK][::step]
    for number, (place, junk) in enumerate(wanted):
        repo.published = {name: list(shown) for name, shown in whole.items()}

        def spoil(document: dict[str, Any], place: Any = place, junk: Any = junk) -> None:
            changed = put(document, place, junk)
            document.clear()
            document.update(changed)

        try:
            repo.sign_json(role, spoil)
        except (FormatError, TypeError):
            continue  # nobody can sign that
        client = Client(tmp_path / str(number), web.address, clock)
        assert client.init(whole["root"][0]) == 0
        assert client.download("a/file") in {0, 1}
        assert client.contents() in ([], [b"content"])
    assert "Traceback" not in capsys.readouterr().err
