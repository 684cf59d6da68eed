"""The strict form of update metadata, judged before any signature is looked at."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, Never

from securesystemslib.formats import encode_canonical

from appliance.updates.errors import MetadataRefused
from appliance.updates.manifest import KINDS, PACKAGE

SIGNED_AT: Final = "signed_at"
"""Field of the timestamp: when the vendor signed, RFC 3339 in UTC; feeds the clock floor."""
TIME: Final = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\dZ")

_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_HEX128: Final = re.compile(r"[0-9a-f]{128}")
_SPEC: Final = re.compile(r"1\.\d{1,3}\.\d{1,3}")
_MAX_VERSION: Final = 1 << 53
_ROOT_ROLES: Final = frozenset({"root", "timestamp", "snapshot", "targets"})
_LISTED: Final = frozenset({"targets.json", *(f"{kind}.json" for kind in KINDS)})
"""What a snapshot may list."""


def paths_of(kind: str) -> tuple[str, ...]:
    """What the role of a kind of content signs for: the manifests of its packages."""
    return (f"{kind}/*/*/{PACKAGE}",)


def compact(value: object) -> bytes:
    """The one byte form of a metadata file: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def judge_metadata(role: str, raw: bytes) -> dict[str, Any]:
    """Judge the form of one metadata file.

    python-tuf reads leniently: a threshold of true counts as 1, any JSON layout will do, and what
    it does not know passes. Here only the form that `wardbox vendor` writes passes, byte for byte.

    Args:
        role: "root", "timestamp", "snapshot", "targets" or a delegated role.
        raw: The file.

    Returns:
        The parsed file.

    Raises:
        MetadataRefused: It has another form.
    """
    judge = _Judge(role)
    data = _parse(judge, raw)
    judge.require(isinstance(data, dict), "不是对象", "it is no object")
    judge.require(set(data) == {"signatures", "signed"}, "字段不对", "it has other fields")
    judge.require(compact(data) == raw, "不是规范形式", "it is not in canonical form")
    _signatures(judge, data["signatures"])
    kind = role if role in _SIGNED else "targets"
    signed = judge.object(data["signed"], "signed")
    judge.require(signed.get("_type") == kind, "类型不对", "it is of another type")
    judge.text(signed.get("spec_version"), _SPEC, "spec_version")
    judge.text(signed.get("expires"), TIME, "expires")
    judge.count(signed.get("version"), "version", least=1)
    _SIGNED[kind](judge, signed)
    if role in KINDS:
        judge.require("delegations" not in signed, "不得再委派", "it may not delegate any further")
    return data  # type: ignore[no-any-return]  # an object, as required above


class _Judge:
    """Refuses in the name of one metadata file."""

    def __init__(self, role: str) -> None:
        self._name = f"{role}.json"[:80]

    def refuse(self, zh: str, en: str) -> Never:
        raise MetadataRefused(name=self._name, reason_zh=zh, reason_en=en)

    def require(self, holds: bool, zh: str, en: str) -> None:  # noqa: FBT001  # an assertion that stays on
        if not holds:
            self.refuse(zh, en)

    def field(self, holds: bool, field: str) -> None:  # noqa: FBT001  # the same
        self.require(holds, f"{field} 取值不对", f"{field} has no acceptable value")

    def object(self, value: Any, field: str) -> dict[str, Any]:
        self.field(isinstance(value, dict), field)
        return value  # type: ignore[no-any-return]  # just required

    def text(self, value: Any, form: re.Pattern[str], field: str) -> None:
        self.field(isinstance(value, str) and form.fullmatch(value) is not None, field)

    def count(self, value: Any, field: str, least: int = 0) -> None:
        # bool is an int in Python: "true" must not pass for 1.
        self.field(type(value) is int and least <= value < _MAX_VERSION, field)


def _parse(judge: _Judge, raw: bytes) -> Any:
    def constant(_: str) -> Never:
        judge.refuse("含有非数", "it holds a number that is none")

    try:
        return json.loads(raw, parse_constant=constant)
    except (ValueError, RecursionError):
        judge.refuse("不是 JSON", "it is not JSON")


def _signatures(judge: _Judge, rows: Any) -> None:
    judge.require(isinstance(rows, list) and len(rows) > 0, "没有签名", "it has no signature")
    for row in rows:
        judge.field(isinstance(row, dict) and set(row) == {"keyid", "sig"}, "signatures")
        judge.text(row["keyid"], _HEX64, "signatures.keyid")
        judge.text(row["sig"], _HEX128, "signatures.sig")
    ids = [row["keyid"] for row in rows]
    judge.require(len(ids) == len(set(ids)), "签名密钥重复", "one key signs twice")


def _keys(judge: _Judge, keys: Any) -> None:
    for key_id, key in judge.object(keys, "keys").items():
        judge.field(isinstance(key, dict) and set(key) == {"keytype", "scheme", "keyval"}, "keys")
        judge.field(key["keytype"] == key["scheme"] == "ed25519", "keys.keytype")
        value = judge.object(key["keyval"], "keys.keyval")
        judge.field(set(value) == {"public"}, "keys.keyval")
        judge.text(value["public"], _HEX64, "keys.public")
        # The id is the digest of the key, so one key cannot count twice under two ids.
        judge.require(key_id == key_identity(key), "密钥编号不符", "a key has an id not its own")


def key_identity(key: Mapping[str, Any]) -> str:
    """The id of a key: SHA-256 of its canonical JSON, in hex (TUF specification 4.2)."""
    return sha256(str(encode_canonical(dict(key))).encode()).hexdigest()


def _role(judge: _Judge, role: Any, keys: Mapping[str, Any]) -> None:
    ids, threshold = role.get("keyids"), role.get("threshold")
    judge.field(isinstance(ids, list) and len(ids) > 0, "keyids")
    judge.field(all(isinstance(one, str) and one in keys for one in ids), "keyids")
    judge.require(len(ids) == len(set(ids)), "密钥编号重复", "a key id stands twice")
    judge.count(threshold, "threshold", least=1)
    judge.field(threshold <= len(ids), "threshold")


def _root(judge: _Judge, signed: dict[str, Any]) -> None:
    judge.field(signed.get("consistent_snapshot") is True, "consistent_snapshot")
    _keys(judge, signed.get("keys"))
    roles = judge.object(signed.get("roles"), "roles")
    judge.field(set(roles) == _ROOT_ROLES, "roles")
    for role in roles.values():
        _role(judge, judge.object(role, "roles"), signed["keys"])
    _one_office_each(judge, roles.values())


def _one_office_each(judge: _Judge, roles: Iterable[Mapping[str, Any]]) -> None:
    """A stolen key opens one door: none may sign for two roles."""
    ids = [key_id for role in roles for key_id in role["keyids"]]
    judge.require(len(ids) == len(set(ids)), "一钥多用", "one key signs for two roles")


def _digested(judge: _Judge, value: Any, field: str) -> None:
    row = judge.object(value, field)
    judge.count(row.get("length"), f"{field}.length")
    hashes = judge.object(row.get("hashes"), f"{field}.hashes")
    judge.field(set(hashes) == {"sha256"}, f"{field}.hashes")
    judge.text(hashes["sha256"], _HEX64, f"{field}.hashes")


def _meta(judge: _Judge, signed: dict[str, Any]) -> dict[str, Any]:
    meta = judge.object(signed.get("meta"), "meta")
    for row in meta.values():
        _digested(judge, row, "meta")
        judge.count(row.get("version"), "meta.version", least=1)
    return meta


def _timestamp(judge: _Judge, signed: dict[str, Any]) -> None:
    judge.field(set(_meta(judge, signed)) == {"snapshot.json"}, "meta")
    judge.text(signed.get(SIGNED_AT), TIME, SIGNED_AT)


def _snapshot(judge: _Judge, signed: dict[str, Any]) -> None:
    meta = _meta(judge, signed)
    judge.field("targets.json" in meta and set(meta) <= _LISTED, "meta")


def _targets(judge: _Judge, signed: dict[str, Any]) -> None:
    for row in judge.object(signed.get("targets"), "targets").values():
        _digested(judge, row, "targets")
    if "delegations" not in signed:
        return
    judge.require(signed["targets"] == {}, "不得直接签署文件", "it may sign for delegations only")
    delegations = judge.object(signed["delegations"], "delegations")
    judge.field(set(delegations) == {"keys", "roles"}, "delegations")
    _keys(judge, delegations["keys"])
    judge.field(isinstance(delegations["roles"], list), "delegations.roles")
    names = [_delegated(judge, role, delegations["keys"]) for role in delegations["roles"]]
    judge.require(len(names) == len(set(names)), "角色重复", "a role is delegated twice")
    _one_office_each(judge, delegations["roles"])


def _delegated(judge: _Judge, value: Any, keys: Mapping[str, Any]) -> str:
    role = judge.object(value, "delegations.roles")
    name = role.get("name")
    judge.field(isinstance(name, str) and name in KINDS, "delegations.name")
    judge.field(role.get("terminating") is True, "delegations.terminating")
    judge.field(role.get("paths") == list(paths_of(str(name))), "delegations.paths")
    judge.field("path_hash_prefixes" not in role, "delegations.paths")
    _role(judge, role, keys)
    return str(name)


_SIGNED: Final[Mapping[str, Callable[[_Judge, dict[str, Any]], None]]] = {
    "root": _root,
    "timestamp": _timestamp,
    "snapshot": _snapshot,
    "targets": _targets,
}
