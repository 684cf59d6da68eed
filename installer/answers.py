"""The answers: what a person may decide about an installation, from defaults and a TOML file."""

import difflib
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from installer.errors import AnswersInvalid

MAX_BYTES = 64 * 1024
MIN_SECRET = 12
TCP_PORTS = range(1, 65536)
PCRS = range(24)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the installer needs to know. Secrets are never in it, only paths of files that hold them."""

    hospital: str = "示范医院 Demo Hospital"
    box_name: str = "wardbox"
    host_names: tuple[str, ...] = ()
    address: str = "0.0.0.0"  # noqa: S104  the box serves the hospital's network, with TLS
    port: int = 8443
    administrator: str = "admin"
    administrator_password_file: Path | None = None
    vault_passphrase_file: Path | None = None
    secrets_file: Path | None = None
    service: str = "auto"
    storage: str = "auto"
    storage_erase: bool = False
    tpm: str = "auto"
    suite: str = "international"
    trial_note: bool = True

    def names(self) -> tuple[str, ...]:
        """Host names and addresses that the box certificate shall carry."""
        own = ("localhost", "127.0.0.1", "::1", socket.gethostname())
        return tuple(dict.fromkeys((*own, *self.host_names)))

    def pcrs(self) -> tuple[int, ...]:
        """What the vault's key is sealed to in the TPM; empty when it shall not be."""
        if self.tpm == "none":
            return ()
        return (7,) if self.tpm == "auto" else tuple(int(part) for part in self.tpm.split(","))


MEANING: Mapping[str, tuple[str, str]] = {
    "hospital": ("医院名称,显示在控制台上", "name of the hospital, shown on the console"),
    "box_name": (
        "箱子的名称(证书与审计日志中使用)",
        "name of this box in certificate and audit log",
    ),
    "host_names": (
        "应用访问箱子所用的主机名或 IP",
        "host names or addresses by which applications call it",
    ),
    "address": ("监听地址", "address to listen on"),
    "port": ("HTTPS 端口,1-65535", "HTTPS port, 1-65535"),
    "administrator": ("第一位管理员的登录名", "sign-in name of the first administrator"),
    "administrator_password_file": (
        "含管理员密码的文件;不给则生成",
        "file with the administrator's password; generated if absent",
    ),
    "vault_passphrase_file": (
        "含保险库口令的文件;不给则生成",
        "file with the vault passphrase; generated if absent",
    ),
    "secrets_file": (
        "把只显示一次的密钥写入此文件(权限 0600),而不是屏幕",
        "write the once-only secrets to this file (mode 0600) instead of the screen",
    ),
    "service": ("auto、systemd、background 或 none", "auto, systemd, background or none"),
    "storage": (
        "加密存储:auto、embedded 或 luks:/dev/…;见 docs/operate/storage.md",
        "encrypted storage: auto, embedded or luks:/dev/...; see docs/operate/storage.md",
    ),
    "storage_erase": (
        "该磁盘上的全部内容可以清除",
        "everything on that device may be erased",
    ),
    "tpm": (
        "用 TPM 自动解锁:auto(有则封装到 PCR 7)、none,或 PCR 列表如 7,4;见 docs/operate/vault.md",
        "unlocking by the TPM: auto (PCR 7 where there is one), none, or PCRs as 7,4; see docs/operate/vault.md",
    ),
    "suite": (
        "密钥的算法:international(AES-256-GCM)或 sm(商用密码 SM4-GCM、SM2);见 docs/operate/keys.md",
        "algorithms of keys: international (AES-256-GCM) or sm (SM4-GCM, SM2); see docs/operate/keys.md",
    ),
    "trial_note": (
        "最后试写一份入院记录;很慢的机器可设为 false",
        "draft a trial admission note at the end; false for a very slow machine",
    ),
}
STORAGES = ("auto", "embedded")
SUITES = ("international", "sm")
SERVICES = ("auto", "systemd", "background", "none")


def read_answers(path: Path | None) -> Answers:
    """Read an answers file; without one, the defaults.

    Raises:
        AnswersInvalid: unreadable, not TOML, an unknown key, or a value out of range.
    """
    if path is None:
        return Answers()

    def refuse(reason: str) -> AnswersInvalid:
        return AnswersInvalid(path=path, reason=reason)

    try:
        if path.stat().st_size > MAX_BYTES:
            raise refuse("文件过大 file too large")
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise refuse(f"无法读取 cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refuse(f"不是有效的 TOML not valid TOML ({error})") from None
    known = {field.name for field in fields(Answers)}
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f",是否指 did you mean: {near[0]}" if near else ""
            raise refuse(f"未知的键 unknown key {key!r}{hint}")
    converted = {key: _convert(key, value, path.parent, refuse) for key, value in given.items()}
    return Answers(**converted)


def _convert(key: str, value: object, folder: Path, refuse: Callable[[str], AnswersInvalid]) -> Any:
    judged = _JUDGED.get(key)
    if judged is not None:
        fits, asked = judged
        if not fits(value):
            raise refuse(asked)
        return tuple(value) if isinstance(value, list) else value
    if not isinstance(value, str) or not value.strip():
        raise refuse(f"{key} 须为非空字符串 must be a non-empty string")
    return (folder / value).expanduser().resolve() if key.endswith("_file") else value


def _is_storage(value: object) -> bool:
    return isinstance(value, str) and (value in STORAGES or value.startswith("luks:/dev/"))


def _is_tpm(value: object) -> bool:
    if not isinstance(value, str):
        return False
    numbers = value.replace(" ", "").split(",")
    return value in {"auto", "none"} or all(n.isdecimal() and int(n) in PCRS for n in numbers)


def _is_choice(value: object) -> bool:
    return isinstance(value, bool)


_JUDGED: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "port": (
        lambda value: type(value) is int and value in TCP_PORTS,
        "port 须为 1-65535 的整数 must be a whole number from 1 to 65535",
    ),
    "host_names": (
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
        "host_names 须为字符串列表 must be a list of strings",
    ),
    "service": (
        lambda value: value in SERVICES,
        f"service 须为 must be one of {', '.join(SERVICES)}",
    ),
    "storage": (_is_storage, "storage 须为 must be auto, embedded or luks:/dev/..."),
    "storage_erase": (_is_choice, "storage_erase 须为 true 或 false must be true or false"),
    "tpm": (_is_tpm, "tpm 须为 must be auto, none or PCRs as 7,4"),
    "suite": (lambda value: value in SUITES, f"suite 须为 must be one of {', '.join(SUITES)}"),
    "trial_note": (_is_choice, "trial_note 须为 true 或 false must be true or false"),
}
"""Key -> whether a value fits, and what is said when it does not; every other key is a text."""


def read_secret(path: Path) -> str:
    """The first line of a secret's file.

    Raises:
        AnswersInvalid: unreadable, or shorter than twelve characters.
    """
    try:
        secret = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError):
        raise AnswersInvalid(path=path, reason="无法读取 cannot be read") from None
    if len(secret) < MIN_SECRET:
        raise AnswersInvalid(
            path=path, reason=f"少于 {MIN_SECRET} 个字符 shorter than {MIN_SECRET} characters"
        )
    return secret


def answers_markdown() -> str:
    """The reference of all keys, for docs/operate/install.md."""
    lines = ["| 键 key | 默认 default | 含义 | meaning |", "|---|---|---|---|"]
    defaults = Answers()
    for field in fields(Answers):
        zh, en = MEANING[field.name]
        value = getattr(defaults, field.name)
        told = str(value).lower() if isinstance(value, bool) else value
        shown = "" if value in (None, ()) else f"`{told}`"
        lines.append(f"| `{field.name}` | {shown} | {zh} | {en} |")
    return "\n".join(lines) + "\n"
