"""Reading the settings: the file, then the environment, every unknown key refused by name."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from appliance.settings.errors import SettingInvalid, SettingsUnreadable, SettingUnknown
from appliance.settings.layout import StateLayout, state_directory
from appliance.settings.model import Settings

__all__ = ["digest_of", "expanded", "known_keys", "load", "sections", "state_directory"]

PREFIX: Final = "WARDBOX_"
_SEPARATOR: Final = "__"
_MAX_BYTES: Final = 1 << 20


def expanded(path: Path, base: Path) -> Path:
    """A path with a leading `~` replaced by the home directory, made absolute from `base`."""
    return base.joinpath(path.expanduser()).absolute()


def load(state: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings once: the file below `state`, overridden by the environment.

    A variable is called `WARDBOX_<SECTION>__<KEY>`; lists are given as JSON or separated by commas.

    Args:
        state: the state directory; without a settings file the defaults hold.
        environ: the environment.

    Returns:
        The frozen settings, paths absolute.

    Raises:
        SettingUnknown: a key that does not exist, with the nearest one that does.
        SettingInvalid: a value of the wrong type or outside its bounds.
        SettingsUnreadable: the file is not TOML or may not be read.
    """
    source = StateLayout(state).settings_file
    values = _read_file(source)
    origins = {key: str(source) for key in _flat(values)}
    for key, source_name in origins.items():
        _check_known(key, source_name)
        _check_no_switch(key, values, source_name)
    for variable, key, text in _variables(environ):
        _check_known(key, variable)
        section, _, name = key.partition(".")
        values.setdefault(section, {})[name] = _from_text(key, text)
        origins[key] = variable
    _fill(values)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise _as_sentence(error, origins, str(source)) from None
    directory = expanded(settings.engines.directory, state)
    engines = settings.engines.model_copy(update={"directory": directory})
    return settings.model_copy(update={"engines": engines})


def known_keys() -> tuple[str, ...]:
    """Every setting as "section.key", in the order of the file."""
    return tuple(
        f"{section}.{name}" for section, model in sections() for name in model.model_fields
    )


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables of the settings file, each with its model."""
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield name, kind


def _read_file(source: Path) -> dict[str, dict[str, Any]]:
    try:
        if not source.exists():
            return {}
        with source.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise SettingsUnreadable(source=source, reason="超过 1 MiB larger than 1 MiB")
        return tomllib.loads(raw.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsUnreadable(source=source, reason=error) from None


def _flat(values: Mapping[str, object]) -> Iterator[str]:
    """The keys of a file as "section.key"; what stands outside a table comes as it is."""
    for section, content in values.items():
        if isinstance(content, dict) and content:
            yield from (f"{section}.{name}" for name in content)
        elif section not in Settings.model_fields or not isinstance(content, dict):
            yield section


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for variable, text in sorted(environ.items()):
        if variable.startswith(PREFIX) and _SEPARATOR in variable:
            path = variable.removeprefix(PREFIX).lower().split(_SEPARATOR)
            yield variable, ".".join(path), text


def _check_known(key: str, source: str) -> None:
    known = known_keys()
    if key in known:
        return
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    by_name = difflib.get_close_matches(
        key.rpartition(".")[2], [name.rpartition(".")[2] for name in known], n=1, cutoff=0.8
    )
    # A right name in a wrong section should lead to its own section.
    exact = [name for name in known if by_name and name.endswith("." + by_name[0])]
    best = (exact or nearest)[0]
    if source.startswith(PREFIX):
        best = PREFIX + best.upper().replace(".", _SEPARATOR)
    raise SettingUnknown(key=_printable(key), source=source, nearest=best)


def _check_no_switch(key: str, values: Mapping[str, Any], source: str) -> None:
    """Refuse true and false: no setting is a switch, and Python would read them as 1 and 0."""
    section, _, name = key.partition(".")
    content = values[section]
    if isinstance(content, dict) and isinstance(content.get(name), bool):
        reason = "不能是 true 或 false it cannot be true or false"
        raise SettingInvalid(key=key, reason=reason, source=source, meaning=_meaning(key))


def _from_text(key: str, text: str) -> object:
    default = _default_of(key)
    if not isinstance(default, list | dict):
        return None if default is None and not text.strip() else text
    if text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [name.strip() for name in text.split(",") if name.strip()]


def _default_of(key: str) -> object:
    wanted, _, name = key.partition(".")
    return next(
        model.model_fields[name].default for section, model in sections() if section == wanted
    )


def _fill(values: dict[str, dict[str, Any]]) -> None:
    box_id = values.get("box", {}).get("id")
    if isinstance(box_id, str) and "origin" not in values.get("audit", {}):
        values.setdefault("audit", {})["origin"] = f"wardbox/{box_id}"


def digest_of(settings: Settings) -> str:
    """SHA-256 over the settings as they hold, defaults among them; hexadecimal.

    It is over their JSON in the order of the settings' reference, so that an auditor can tell from
    two starts whether anything was set differently.
    """
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()


def _as_sentence(error: ValidationError, origins: Mapping[str, str], file: str) -> SettingInvalid:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"][:2])
    reason = f"{_in_chinese(first['type'], first.get('ctx', {}))} {first['msg']}"
    return SettingInvalid(
        key=key, reason=reason, source=origins.get(key, file), meaning=_meaning(key)
    )


def _meaning(key: str) -> str:
    wanted, _, name = key.partition(".")
    for section, model in sections():
        if section == wanted and name in model.model_fields:
            return model.model_fields[name].description or ""
    return ""


_CHINESE: Final = {
    "greater_than_equal": "不得小于 {ge}",
    "less_than_equal": "不得大于 {le}",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "string_type": "应为文本",
    "string_pattern_mismatch": "写法不符合要求",
    "string_too_short": "太短",
    "string_too_long": "太长",
    "too_long": "项目过多",
    "list_type": "应为列表",
    "dict_type": "应为一个表",
    "literal_error": "只能是 {expected}",
    "path_type": "应为路径",
    "model_type": "应为一个表",
}


def _in_chinese(kind: str, context: Mapping[str, object]) -> str:
    return _CHINESE.get(kind, "值不可用").format(**context)


def _printable(text: str) -> str:
    return "".join(ch if ch.isprintable() else "?" for ch in text[:100])
