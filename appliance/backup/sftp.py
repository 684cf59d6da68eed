"""A target on an SFTP server inside the hospital: pinned host key, a key of the vault, atomic writes."""

import asyncio
import os
import posixpath
import re
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from appliance.backup.errors import (
    BackupAbsent,
    HostKeyWrong,
    TargetFull,
    TargetGone,
    TargetRefused,
)
from appliance.backup.objects import LARGEST, PART, Files, Folders, checked, finished, unfinished
from appliance.backup.sealing import Content
from appliance.backup.target import refused, too_long

_PLACE: Final = re.compile(
    r"([A-Za-z0-9._-]{1,64})@([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?(/.{0,1000})",
    re.ASCII,
)
_TIMEOUT_S: Final = 60.0
_SLOWEST: Final = 1 << 16
"""Bytes in a second over a line that is slow and not gone: keep-alives tell that it is gone."""
_PACK: Final = 1 << 25
_CONNECT_S: Final = 15.0
_ALIVE_S: Final = 10.0
_SEED: Final = 32
_LITTLE: Final = 1 << 24
_MOST_PORT: Final = 65_535
_T = TypeVar("_T")
_Attrs = list[tuple[str, asyncssh.SFTPAttrs]]


@dataclass(frozen=True, slots=True)
class Server:
    """Where an SFTP target is: user, host, port and an absolute path."""

    user: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Read `user@host:port/path`. Raises TargetRefused."""
        match = _PLACE.fullmatch(text)
        port = int(match[3] or 22) if match else 0
        if match is None or not 0 < port <= _MOST_PORT or ".." in match[4].split("/"):
            raise TargetRefused(
                name=name,
                reason_zh="地址应为 用户@主机:端口/绝对路径",
                reason_en="it reads user@host:port/absolute/path",
            )
        return cls(match[1], match[2].strip("[]"), port, match[4].rstrip("/") or "/")


def login_key(seed: bytes) -> asyncssh.SSHKey:
    """The key that signs in, out of 32 secret bytes; or a person's own, as its file says."""
    if len(seed) != _SEED:
        try:
            return asyncssh.import_private_key(seed)
        except asyncssh.KeyImportError as error:
            raise TargetRefused(
                name="sftp",
                reason_zh="登录私钥不可读(不能有口令)",
                reason_en="the private key cannot be read (it must have no passphrase)",
            ) from error
    key = Ed25519PrivateKey.from_private_bytes(seed)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return asyncssh.import_private_key(pem)


def login_line(seed: bytes, box: str) -> str:
    """Its public half as a line of `authorized_keys`."""
    return f"{login_key(seed).export_public_key().decode().strip()} wardbox-{box}"


def host_key(text: str, name: str) -> asyncssh.SSHKey:
    """A pinned host key: `ssh-ed25519 AAAA...`. Raises TargetRefused."""
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError as error:
        raise TargetRefused(
            name=name,
            reason_zh="需要服务器的主机密钥(ssh-keyscan 可取得,请与管理员核对指纹)",
            reason_en="it needs the server's host key (ssh-keyscan shows it; compare fingerprints)",
        ) from error


class SftpTarget:
    """Objects as files on a server; one connection, any number of threads.

    Args:
        server: where.
        pin: the server's public host key; no other is trusted.
        seed: of the key that signs in.
    """

    def __init__(self, server: Server, pin: str, seed: bytes) -> None:
        self._server = server
        self._pin = host_key(pin, server.host)
        self._seed = seed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._made: set[str] = set()
        try:
            self._do(self._connect(), "")
        except BaseException:
            self.close()
            raise

    @property
    def place(self) -> str:
        """The server with the path."""
        return f"{self._server.user}@{self._server.host}{self._server.path}"

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """Fetch a file."""
        return self._do(self._read_all(checked(name), most), name, _PACK)

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Fetch a part of a file."""
        return self._do(self._read(checked(name), offset, size), name, size)

    def write(self, name: str, content: Content) -> None:
        """Write beside, have the server's disk keep it, rename over."""
        self._do(self._write(checked(name), bytes(content)), name, len(content))

    def delete(self, name: str) -> None:
        """Remove a file."""
        try:
            self._do(self._sftp.remove(self._path(checked(name))), name)
        except BackupAbsent:
            return

    def list(self, folder: str) -> dict[str, int]:
        """Files below a folder."""
        return finished(self._scan, checked(folder))

    def sweep(self) -> int:
        """Remove unfinished files."""
        left = unfinished(self._scan)
        for name in left:
            self._do(self._sftp.remove(self._path(name)), name)
        return len(left)

    def close(self) -> None:
        """End the connection and its thread; doing it twice is fine."""
        if not self._thread.is_alive():
            return
        with suppress(asyncssh.Error, OSError, TimeoutError):
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(_CONNECT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def _sftp(self) -> asyncssh.SFTPClient:
        if self._client is None:
            raise TargetGone(name=self.place, reason="未连接 not connected")
        return self._client

    def _path(self, name: str) -> str:
        return posixpath.join(self._server.path, name) if name else self._server.path

    async def _connect(self) -> None:
        self._connection = await asyncssh.connect(
            self._server.host,
            self._server.port,
            username=self._server.user,
            client_keys=[login_key(self._seed)],
            known_hosts=([self._pin], [], []),
            config=[],
            agent_path=None,
            preferred_auth="publickey",
            connect_timeout=_CONNECT_S,
            login_timeout=_CONNECT_S,
            keepalive_interval=_ALIVE_S,
            keepalive_count_max=3,
        )
        self._client = await self._connection.start_sftp_client()
        if not await self._client.isdir(self._server.path):
            raise TargetRefused(
                name=self.place, reason_zh="目录不存在", reason_en="there is no such directory"
            )

    async def _leave(self) -> None:
        if self._client is not None:
            self._client.exit()
        if self._connection is not None:
            self._connection.abort()
            await self._connection.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _read(self, name: str, offset: int, size: int) -> bytes:
        async with self._sftp.open(self._path(name), "rb") as stream:
            data: Any = await stream.read(size, offset)
        return bytes(data)

    async def _read_all(self, name: str, most: int) -> bytes:
        async with self._sftp.open(self._path(name), "rb") as stream:
            size = (await stream.stat()).size or 0
            if size > most:
                raise too_long(name)
            data: Any = await stream.read(size, 0)
        return bytes(data)

    async def _write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        folder = posixpath.dirname(path)
        if folder not in self._made and folder != self._server.path:
            await self._sftp.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        part = path + PART
        async with self._sftp.open(part, "wb") as stream:
            await stream.write(content)
            await stream.fsync()
            kept = (await stream.stat()).size
        if kept != len(content):
            raise asyncssh.SFTPFailure(f"{kept} of {len(content)} bytes were kept")
        await self._sftp.posix_rename(part, path)

    def _scan(self, folder: str) -> tuple[Files, Folders]:
        files: Files = []
        folders: Folders = []
        for own, attrs in self._do(self._entries(self._path(folder)), folder):
            name = f"{folder}/{own}" if folder else own
            if attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                folders.append(name)
            elif attrs.type == asyncssh.FILEXFER_TYPE_REGULAR:
                files.append((name, attrs.size or 0))
        return files, folders

    async def _entries(self, path: str) -> _Attrs:
        try:
            entries = [entry async for entry in self._sftp.scandir(os.fsencode(path))]
        except asyncssh.SFTPNoSuchFile:
            return []
        # Names as bytes: other people's need not be text.
        return [(os.fsdecode(entry.filename), entry.attrs) for entry in entries]

    def _do(self, work: Coroutine[Any, Any, _T], name: str, size: int = 0) -> _T:
        """Wait for something; so many bytes have time to pass even over a slow line."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(_TIMEOUT_S + size / _SLOWEST)
        except asyncssh.SFTPNoSuchFile as error:
            raise BackupAbsent(place=f"{self.place}/{name}") from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise HostKeyWrong(host=self._server.host) from error
        except asyncssh.PermissionDenied as error:
            raise TargetRefused(
                name=self.place,
                reason_zh="服务器不接受本机的密钥(wardbox backup target key 显示公钥)",
                reason_en="the server does not take the box's key (wardbox backup target key)",
            ) from error
        except (
            asyncssh.SFTPPermissionDenied,
            asyncssh.SFTPWriteProtect,
            asyncssh.SFTPOpUnsupported,
        ) as error:
            raise refused(self.place, error.reason) from error
        except asyncssh.SFTPFailure as error:
            if self._is_full():
                raise TargetFull(place=self.place) from error
            raise TargetGone(name=self.place, reason=error.reason) from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise TargetGone(name=self.place, reason=reason) from error

    def _is_full(self) -> bool:
        """The protocol has no word for a full disk (version 3): the server is asked."""
        try:
            stats = asyncio.run_coroutine_threadsafe(
                self._sftp.statvfs(self._server.path), self._loop
            ).result(_CONNECT_S)
        except (asyncssh.Error, OSError, TimeoutError):
            return False
        return bool(stats.bavail * stats.frsize < _LITTLE)
