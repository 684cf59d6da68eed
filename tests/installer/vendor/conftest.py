"""A TUF repository over HTTP, and a client of it, for the tests of `tuf-client`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installer.vendor.tuf_repository import Client, Clock, Host, Repository, host


@pytest.fixture(scope="module")
def web() -> Iterator[Host]:
    with host() as serving:
        yield serving


@pytest.fixture
def repo(web: Host) -> Repository:
    web.repository = Repository()
    return web.repository


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("installer.vendor.terminal.time", made)
    return made


@pytest.fixture
def client(web: Host, repo: Repository, clock: Clock, tmp_path: Path) -> Client:
    made = Client(tmp_path, web.address, clock)
    assert made.init(repo.published["root"][0]) == 0
    return made
