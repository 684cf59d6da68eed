"""Reading settings: defaults, file, environment, and every way to get them wrong."""

import stat
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from appliance.errors import ApplianceError
from appliance.settings.errors import SettingInvalid, SettingsUnreadable, SettingUnknown
from appliance.settings.layout import StateLayout, state_directory
from appliance.settings.model import Settings
from appliance.settings.reading import digest_of, known_keys, load
from appliance.settings.reference import reference_markdown

ROOT = Path(__file__).parents[3]


def write(state: Path, text: str | bytes) -> Path:
    state.mkdir(parents=True, exist_ok=True)
    content = text if isinstance(text, bytes) else text.encode()
    (state / "settings.toml").write_bytes(content)
    return state


def test_without_a_file_the_defaults_hold(tmp_path):
    settings = load(tmp_path, {})
    assert settings.server.port == 8443
    assert settings.audit.retention_days == 2190
    assert settings.engines.directory == tmp_path / "engines"


def test_the_environment_comes_before_the_file(tmp_path):
    write(tmp_path, '[server]\nport = 9000\nhost = "127.0.0.1"\n')
    settings = load(tmp_path, {"WARDBOX_SERVER__PORT": "9443"})
    assert (settings.server.port, settings.server.host) == (9443, "127.0.0.1")


def test_their_digest_tells_whether_anything_was_set_differently(tmp_path):
    plain = digest_of(load(tmp_path, {}))
    assert digest_of(load(tmp_path, {})) == plain
    assert len(bytes.fromhex(plain)) == 32
    # What is written as it holds anyway is no difference; one number is.
    assert digest_of(load(tmp_path, {"WARDBOX_SERVER__PORT": "8443"})) == plain
    assert digest_of(load(tmp_path, {"WARDBOX_SERVER__PORT": "8444"})) != plain


def test_other_variables_of_the_box_are_no_settings(tmp_path):
    load(tmp_path, {"WARDBOX_STATE": "/x", "WARDBOX_KEY_FD": "7", "SERVER__PORT": "1"})


@pytest.mark.parametrize("text", ['["a.local", "b.local"]', "a.local, b.local"])
def test_a_list_is_json_or_commas(tmp_path, text):
    assert load(tmp_path, {"WARDBOX_SERVER__NAMES": text}).server.names == ["a.local", "b.local"]


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("[server]\nprot = 1\n", "server.prot", "server.port"),
        ("[sever]\nport = 1\n", "sever.port", "server.port"),
        ("[audit]\nport = 1\n", "audit.port", "server.port"),
        ("port = 1\n", "port", "server.port"),
        ("[nothing]\n", "nothing", ""),
        ('[server]\n"po\\nrt\\u001b" = 1\n', "server.po?rt?", "server.port"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(tmp_path, text, key, nearest):
    with pytest.raises(SettingUnknown) as caught:
        load(write(tmp_path, text), {})
    assert key in str(caught.value)
    assert str(tmp_path / "settings.toml") in str(caught.value)
    assert nearest in caught.value.way_out


@pytest.mark.parametrize("name", ["WARDBOX_SERVER__PROT", "WARDBOX_X__Y__Z", "WARDBOX___"])
def test_an_unknown_variable_is_refused_too(tmp_path, name):
    with pytest.raises(SettingUnknown) as caught:
        load(tmp_path, {name: "1"})
    assert name in str(caught.value)
    assert "WARDBOX_" in caught.value.way_out


@pytest.mark.parametrize(
    "text",
    [
        "[audit]\nretention_days = 182\n",
        "[server]\nport = 0\n",
        "[server]\nport = true\n",
        '[server]\nnames = ["a b"]\n',
        '[server]\nnames = ["*"]\n',
        '[server]\nnames = "a.local"\n',
        "[server]\nport = 65536\n",
        '[server]\nport = "many"\n',
        "[server]\nport = 1.5\n",
        "[server]\nmax_body_bytes = -1\n",
        '[box]\nlanguage = "fr"\n',
        '[box]\nid = "Not An Id"\n',
        '[audit]\norigin = "with space"\n',
        '[audit]\norigin = "a+b"\n',
        '[model]\ndefault = "../etc/passwd"\n',
        "[engines]\ndirectory = 3\n",
        "server = 3\n",
    ],
)
def test_a_bad_value_is_refused_by_name(tmp_path, text):
    with pytest.raises((SettingInvalid, SettingUnknown)) as caught:
        load(write(tmp_path, text), {})
    assert caught.value.way_out
    assert "\n" not in caught.value.sentence


def test_six_months_are_the_least_and_the_law_is_named(tmp_path):
    assert load(tmp_path, {"WARDBOX_AUDIT__RETENTION_DAYS": "183"}).audit.retention_days == 183
    with pytest.raises(SettingInvalid, match=r"不得小于 183.*183"):
        load(tmp_path, {"WARDBOX_AUDIT__RETENTION_DAYS": "182"})


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[server\n", b"a" * (1 << 20) + b"=1", b"[server]\nport=1\nport=2"]
)
def test_a_file_that_is_no_toml_is_refused(tmp_path, content):
    with pytest.raises(SettingsUnreadable):
        load(write(tmp_path, content), {})


def test_a_directory_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsUnreadable):
        load(tmp_path, {})


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_sentence(tmp_path_factory, content):
    state = tmp_path_factory.mktemp("state")
    with suppress(ApplianceError):
        load(write(state, content), {})


def test_settings_are_frozen_and_read_no_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SERVER", '{"port": 1}')
    settings = load(tmp_path, {})
    assert settings.server.port == 8443
    assert Settings().server.port == 8443
    with pytest.raises(ValidationError):
        settings.server.port = 1  # type: ignore[misc]


def test_paths_are_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load(tmp_path, {"WARDBOX_ENGINES__DIRECTORY": "~/engines"})
    assert settings.engines.directory == Path("/home/somebody/engines")
    assert state_directory({"WARDBOX_STATE": "~/box"}) == Path("/home/somebody/box")
    assert state_directory({"WARDBOX_STATE": "box"}) == Path.cwd() / "box"
    assert state_directory({}).is_absolute()


def test_the_name_of_the_log_follows_the_box(tmp_path):
    assert load(write(tmp_path, '[box]\nid = "ward-7"\n'), {}).audit.origin == "wardbox/ward-7"
    given_both = '[box]\nid = "ward-7"\n[audit]\norigin = "hospital/log"\n'
    assert load(write(tmp_path, given_both), {}).audit.origin == "hospital/log"


def test_every_field_tells_its_meaning_in_both_languages():
    for section, field in Settings.model_fields.items():
        for name, inner in field.annotation.model_fields.items():
            told = inner.json_schema_extra
            assert told["zh"].endswith("。"), (section, name)
            assert told["en"].endswith("."), (section, name)
            assert any("\u4e00" <= sign <= "\u9fff" for sign in told["zh"])


def test_the_reference_is_what_the_code_says():
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert page == reference_markdown()
    assert all(f"`{key.partition('.')[2]}`" in page for key in known_keys())


def test_every_path_of_the_layout_stands_below_its_root(tmp_path):
    layout = StateLayout(tmp_path)
    names = [name for name, value in vars(StateLayout).items() if isinstance(value, property)]
    assert len(names) > 20
    for name in names:
        path = getattr(layout, name)
        assert path.is_relative_to(tmp_path), name
    assert stat.S_ISDIR(tmp_path.stat().st_mode)
