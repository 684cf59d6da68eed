"""What the sign-in tests share: a directory server, and the access room in which people end."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.access.migrations import MIGRATIONS as ACCESS
from appliance.access.service import AccessService
from appliance.db.database import Db
from appliance.settings.signin import OidcSettings
from appliance.signin.migrations import MIGRATIONS
from appliance.signin.oidc import OidcSignIn
from appliance.signin.oidc_provider import Provider
from appliance.signin.store import SignInStore
from tests.appliance.access.conftest import PlainPasswords
from tests.appliance.access.doubles import HandClock, RememberingAudit, open_db
from tests.appliance.signin import slapd
from tests.appliance.signin.oidc_steps import APP, CALLBACK
from tests.appliance.signin.provider import CLIENT, lying_provider


@pytest.fixture(scope="module")
def directory() -> "Iterator[slapd.Slapd]":
    if not slapd.HERE:
        pytest.skip(slapd.WHY)
    with tempfile.TemporaryDirectory(prefix="slapd-") as home, slapd.directory(Path(home)) as made:
        yield made


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def audit() -> RememberingAudit:
    return RememberingAudit()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Db]:
    opened = open_db(tmp_path / "box.db", ACCESS, MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def access(db: Db, audit: RememberingAudit, clock: HandClock) -> Iterator[AccessService]:
    made = AccessService(db, audit, clock, passwords=PlainPasswords())
    yield made
    made.close()


@pytest.fixture
def liar(clock):
    with lying_provider() as made:
        made.now = clock()
        yield made


@pytest.fixture
def desk(access, db, clock):
    def made(issuer, secret=None, **more):
        settings = OidcSettings.model_validate(
            {
                "issuer": issuer,
                "client_id": CLIENT,
                "callback": CALLBACK,
                "roles": {"it": "administrator", "doctors": "clinician"},
                "return_to": [APP],
                **more,
            }
        )
        provider = Provider(settings, None, lambda: secret, clock)
        return OidcSignIn(settings, lambda: provider, access, SignInStore(db), clock)

    return made
