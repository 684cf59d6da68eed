"""Names: nobody gets one that people would take for another's, and every keyboard types one's own."""

import unicodedata

import pytest

from appliance.access.errors import AccessRefused, LockedOut, UserExists, UserNameMalformed

PASSWORD = "correct horse battery 9"
UNSEEN = [
    "ad\xadmin",
    "\ufeffadmin",
    "ad\u2060min",
    "ad\u061cmin",
    "x\x9b31mroot",
    "\u115f",
    "a\u3164",
    "a\u2800",
    "tag\U000e0041",
    "half\ud800",
    "\u202eadmin",
]


@pytest.mark.parametrize("name", UNSEEN, ids=ascii)
def test_what_nobody_sees_is_in_no_name(service, name):
    with pytest.raises(UserNameMalformed):
        service.create_user(name, PASSWORD, "clinician")


@pytest.mark.parametrize("name", ["王芳", "𠮷田", "ئالىم", "Ólafur", "O.Neil", "\ue000丽"])
def test_names_of_people_are_taken(service, name):
    service.create_user(name, PASSWORD, "clinician")
    assert service.sign_in(name, PASSWORD).role == "clinician"


@pytest.mark.parametrize(
    ("first", "second"), [("li", "Li"), ("li", "ｌｉ"), ("josé", "jose\u0301")]
)
def test_a_name_that_looks_like_anothers_is_taken(service, first, second):
    service.create_user(first, PASSWORD, "clinician")
    with pytest.raises(UserExists, match=first):
        service.create_user(second, PASSWORD, "administrator")


def test_accents_typed_one_by_one_are_the_same_name(service, rules):
    apart = unicodedata.normalize("NFD", "josé")
    assert service.create_user(apart, PASSWORD, "clinician").name == "josé"
    assert service.sign_in(apart, PASSWORD).role == "clinician"
    for _ in range(rules.failures):
        with pytest.raises(AccessRefused):
            service.sign_in(apart, "not the password")
    with pytest.raises(LockedOut):
        service.sign_in("josé", PASSWORD)
