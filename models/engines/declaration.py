"""What a site declares about an engine of its own: a strict form, in TOML or JSON."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from string import Formatter
from typing import Any, Final
from urllib.parse import urlsplit

from models.engines.engine import (
    ABILITIES,
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    MODERATION,
    RERANK,
    Address,
    Pulse,
)
from models.engines.errors import DeclarationRefused

MAX_BYTES: Final = 64 << 10
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_MODEL: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_UPSTREAM: Final = re.compile(r"[\x21-\x7e]{1,200}")
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/-]{0,200}")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_COUNTER: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]{0,100}")
_MOST_WORDS: Final = 200
_MOST_SLOTS: Final = 4096
_MOST_CONTEXT: Final = 4 << 20
_ASKABLE: Final = frozenset({CHAT, COMPLETIONS, EMBEDDINGS, RERANK, MODERATION})
# Variables that make a program load code from elsewhere or reach the network.
_UNSAFE: Final = re.compile(r"LD_.*|PYTHON.*|.*_PROXY|PATH|BASH_ENV|ENV|IFS")
PLACES: Final = frozenset(
    {
        *("model_path", "model_id", "host", "port", "uds", "context", "slots", "threads"),
        *("tensor_parallel", "devices", "memory_share", "secret_file", "runtime_dir"),
    }
)
"""What may stand in braces in an argument or a variable of an engine that the box starts."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """An engine of the site.

    Attributes:
        name: Its short name.
        models: Models of this box that it serves.
        abilities: What it can do, as in `models.engines.engine.ABILITIES`.
        upstream_model: What it calls its model, "" for the box's own id.
        health: A cheap route that answers 200 once the model is loaded.
        slots: Requests it works on at once.
        context: Tokens per request.
        address: Where it listens, if somebody else runs it.
        argv: Program and arguments with places in braces, if the box starts it.
        env: Variables for it, values with places in braces.
        secret_file: File whose first line is its bearer.
        secret_env: Variable that holds its bearer: of the box's own environment where somebody
            else runs it, of the engine's where the box starts it.
        pulse: Where its counters are, if it has any.
    """

    name: str
    models: tuple[str, ...]
    abilities: frozenset[str]
    upstream_model: str = ""
    health: str = "/health"
    slots: int = 8
    context: int = 4096
    address: Address | None = None
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secret_file: Path | None = None
    secret_env: str = ""
    pulse: Pulse | None = None


def read_declaration(raw: bytes) -> Declaration:
    """Reads a declaration; TOML, or JSON if it begins with a brace.

    Raises:
        DeclarationRefused: Too big, not parseable, an unknown or missing field, a wrong value, an
            address that is not on this machine, both or neither of `address` and `argv`.
    """
    given = _Given(_parse(raw))
    address, argv = given.address(), given.argv()
    if (address is None) == (not argv):
        raise _refused("address / argv", "须且只能给出其中一个", "give exactly one of them")
    declaration = Declaration(
        name=given.word("name", _NAME, None),
        models=given.words("models", _MODEL),
        abilities=given.abilities(),
        upstream_model=given.word("upstream_model", _UPSTREAM, ""),
        health=given.word("health", _PATH, "/health"),
        slots=given.count("slots", 8, _MOST_SLOTS),
        context=given.count("context", 4096, _MOST_CONTEXT),
        address=address,
        argv=argv,
        env=given.env(),
        secret_file=given.file("secret_file"),
        secret_env=given.word("secret_env", _VARIABLE, ""),
        pulse=given.pulse(),
    )
    given.nothing_else()
    if address is not None and declaration.env:
        raise _refused("env", "只用于由一体机启动的引擎", "is for engines that the box starts")
    if declaration.secret_file and declaration.secret_env and address is not None:
        raise _refused(
            "secret_env", "与 secret_file 只能给一个", "give it or secret_file, not both"
        )
    return declaration


def _parse(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_BYTES:
        raise _refused("file", "过大", "is too big")
    try:
        text = raw.decode("utf-8")
        if not text.lstrip().startswith("{"):
            return tomllib.loads(text)
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _refused("file", "不是合法的 TOML 或 JSON", "is neither TOML nor JSON") from error
    if not isinstance(document, dict):
        raise _refused("file", "须为一个对象", "is not one object")
    return document


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    listed = list(pairs)
    if len({key for key, _ in listed}) != len(listed):
        raise ValueError("duplicate key")
    return dict(listed)


def _refused(field: str, zh: str, en: str) -> DeclarationRefused:
    return DeclarationRefused(field=field, reason_zh=zh, reason_en=en)


class _Given:
    """Typed access to a parsed document; what is taken is taken out."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._left = dict(document)

    def nothing_else(self) -> None:
        for name in self._left:
            raise _refused(ascii(name)[:60], "没有这个字段", "there is no such field")

    def word(self, name: str, form: re.Pattern[str], default: str | None) -> str:
        value = self._left.pop(name, default)
        if value is None:
            raise _refused(name, "缺少", "is missing")
        if value == default:
            return str(value)
        if not isinstance(value, str) or not form.fullmatch(value):
            raise _refused(name, f"须符合 {form.pattern}", f"must be like {form.pattern}")
        return value

    def words(self, name: str, form: re.Pattern[str]) -> tuple[str, ...]:
        value = self._left.pop(name, None)
        if not isinstance(value, list) or not 0 < len(value) <= _MOST_WORDS:
            raise _refused(name, "须为非空列表", "must be a list that is not empty")
        if not all(isinstance(word, str) and form.fullmatch(word) for word in value):
            raise _refused(name, f"每项须符合 {form.pattern}", f"each must be like {form.pattern}")
        return tuple(value)

    def count(self, name: str, default: int, most: int) -> int:
        value = self._left.pop(name, default)
        if type(value) is not int or not 1 <= value <= most:
            raise _refused(name, f"须为 1 至 {most} 的整数", f"must be a number from 1 to {most}")
        return value

    def abilities(self) -> frozenset[str]:
        told = frozenset(self.words("abilities", re.compile(r"[a-z_]{1,20}")))
        if told - ABILITIES:
            known = ", ".join(sorted(ABILITIES))
            raise _refused("abilities", f"可用的有 {known}", f"there are {known}")
        if not told & _ASKABLE:
            needed = ", ".join(sorted(_ASKABLE))
            raise _refused("abilities", f"须有其一:{needed}", f"one of these is needed: {needed}")
        return told

    def file(self, name: str) -> Path | None:
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
            raise _refused(name, "须为绝对路径", "must be an absolute path")
        return Path(value)

    def address(self) -> Address | None:
        value = self._left.pop("address", None)
        if value is None:
            return None
        if not isinstance(value, str):
            raise _refused("address", "须为文字", "must be text")
        if value.startswith("unix:/"):
            return Address(uds=Path(value.removeprefix("unix:")))
        return _loopback(value)

    def argv(self) -> tuple[str, ...]:
        value = self._left.pop("argv", [])
        if not isinstance(value, list) or len(value) > _MOST_WORDS:
            raise _refused("argv", "须为列表", "must be a list")
        for word in value:
            _check_places("argv", word)
        if value and not str(value[0]).startswith("/"):
            raise _refused("argv", "程序须为绝对路径", "the program must be an absolute path")
        if value and not {"{port}", "{uds}"} & set(re.findall(r"\{\w+\}", " ".join(value))):
            raise _refused("argv", "须含 {port} 或 {uds}", "must hold {port} or {uds}")
        return tuple(value)

    def env(self) -> Mapping[str, str]:
        value = self._left.pop("env", {})
        if not isinstance(value, dict) or len(value) > _MOST_WORDS:
            raise _refused("env", "须为表", "must be a table")
        for name, content in value.items():
            if not _VARIABLE.fullmatch(name) or _UNSAFE.fullmatch(name):
                raise _refused(f"env.{ascii(name)[:60]}", "不允许的变量", "is not allowed")
            _check_places(f"env.{name}", content)
        return dict(value)

    def pulse(self) -> Pulse | None:
        path = self.word("metrics", _PATH, "")
        counters = self.words("counters", _COUNTER) if "counters" in self._left else ()
        if bool(path) != bool(counters):
            raise _refused("metrics", "须与 counters 一起给出", "goes together with counters")
        return Pulse(path, counters) if path else None


def _check_places(field: str, text: object) -> None:
    if not isinstance(text, str) or "\0" in text:
        raise _refused(field, "须为文字", "must be text")
    try:
        places = [
            (name, how, turn) for _, name, how, turn in Formatter().parse(text) if name is not None
        ]
    except ValueError as error:
        raise _refused(field, "花括号不成对", "has a brace without its other") from error
    for name, how, turn in places:
        if name not in PLACES or how or turn:
            known = ", ".join(sorted(PLACES))
            raise _refused(field, f"花括号内可用 {known}", f"in braces there may be {known}")


def _loopback(text: str) -> Address:
    wrong = _refused(
        "address",
        "须为 http://127.0.0.1:端口 或 unix:/路径,且在本机",
        "must be http://127.0.0.1:PORT or unix:/PATH, on this machine",
    )
    try:
        parts = urlsplit(text)
        local, port = ip_address(parts.hostname or "").is_loopback, parts.port
    except ValueError:
        raise wrong from None
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme != "http" or not local or not port or not plain or "@" in text:
        raise wrong
    return Address(host=str(parts.hostname), port=port)
