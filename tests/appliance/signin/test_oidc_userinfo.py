"""Providers that tell names and groups beside the ID token, as OpenID Connect Core 1.0 has it by default."""

import base64
import hashlib

import pytest

from appliance.signin.errors import NoRole, TokenRefused
from tests.appliance.signin.oidc_steps import whole
from tests.appliance.signin.provider import ACCESS

BESIDE = {"sub": "subject-1", "preferred_username": "li.wei", "groups": ["doctors"]}


def half_hash(access):
    digest = hashlib.sha256(access.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
def thin(liar):
    """A provider whose ID token says who somebody is, and nothing about them."""
    liar.drop, liar.beside = {"preferred_username", "groups"}, dict(BESIDE)
    return liar


@pytest.mark.parametrize("at_hash", [None, half_hash(ACCESS)])
async def test_what_the_token_leaves_out_is_asked_for(desk, thin, at_hash):
    thin.claims = {} if at_hash is None else {"at_hash": at_hash}
    assert (await whole(desk(thin.issuer), thin)).role == "clinician"


async def test_what_the_token_says_counts(desk, thin):
    thin.drop, thin.beside["groups"] = {"preferred_username"}, ["it"]
    assert (await whole(desk(thin.issuer), thin)).role == "clinician"


@pytest.mark.parametrize(
    ("claims", "beside", "reason"),
    [
        ({}, {"sub": "subject-2"}, "sub"),
        ({}, {"sub": None}, "sub"),
        ({"at_hash": half_hash("another")}, {}, "at_hash"),
        ({"at_hash": 7}, {}, "at_hash"),
        ({}, {"preferred_username": 7}, "preferred_username"),
    ],
)
async def test_what_was_told_of_somebody_else_is_refused(desk, thin, claims, beside, reason):
    thin.claims = claims
    thin.beside |= beside
    with pytest.raises(TokenRefused, match=reason):
        await whole(desk(thin.issuer), thin)


async def test_an_access_token_goes_to_the_issuers_own_host_alone(desk, thin):
    thin.discovery = {"userinfo_endpoint": "https://evil.cn/userinfo"}
    with pytest.raises(TokenRefused, match="preferred_username"):
        await whole(desk(thin.issuer), thin)


async def test_a_refused_access_token_and_groups_without_a_role_are_sentences(desk, thin):
    thin.beside["groups"] = ["patients"]
    with pytest.raises(NoRole):
        await whole(desk(thin.issuer), thin)
    thin.discovery = {"userinfo_endpoint": f"{thin.issuer}/keys"}
    with pytest.raises(TokenRefused, match="sub"):
        await whole(desk(thin.issuer), thin)
