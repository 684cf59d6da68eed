"""Adapters: fine-tuned differences to a base model, approved before they are loaded and served."""

import asyncio
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from appliance.audit.events_serving import adapter_step
from appliance.serving.adapter_intake import FILE, take_file, take_folder
from appliance.serving.deployment import Deployments
from appliance.serving.errors import AdapterRefused, AdapterUnknown
from appliance.serving.lease import Audit
from appliance.serving.resident import LoadedAdapter
from appliance.serving.room import ModelSource
from appliance.serving.store import ServingStore, StoredAdapter, Target
from models.errors import ModelsError
from secure_compute.canonical import canonical_bytes

FORMAT: Final = "wardbox-adapter-manifest-v1"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LEAST_ROOM: Final = 4
_AUDIT_TIMEOUT_S: Final = 30.0
_LIVE: Final = frozenset({"loaded", "promoted"})
# Which states a step starts from.
_STEPS: Final = {
    "approve": frozenset({"registered"}),
    "load": frozenset({"approved", "loaded"}),
    "promote": frozenset({"loaded", "promoted"}),
    "revert": frozenset({"promoted"}),
    "remove": frozenset({"registered", "approved", "loaded"}),
}
_Action = Literal["register", "approve", "load", "promote", "revert", "remove"]


class Engines(Protocol):
    """The engines, as far as adapters need them; `appliance.serving.residency.Residency`."""

    async def refresh(self, model_id: str) -> None:
        """Replace a model's engine by one with its present adapters."""
        ...


class Adapters:
    """The adapters of the box: registered, approved, loaded, promoted, taken back.

    Files lie under `folder`, one directory each. A manifest ties the file to the digest of its
    base; its own digest stands in every receipt of an answer that the adapter had a part in.

    Args:
        store: Where they are kept.
        audit: The audit log; a step that cannot be recorded does not happen.
        shelf: Their base models.
        folder: Where their files lie, inside the vault.
        clock: Unix seconds.
    """

    def __init__(
        self,
        store: ServingStore,
        audit: Audit,
        shelf: ModelSource,
        folder: Path,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._audit = audit
        self._shelf = shelf
        self._folder = folder
        self._clock = clock
        self._known: dict[str, StoredAdapter] = {}
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Read what was registered."""
        self._known = {one.id: one for one in await asyncio.to_thread(self._store.adapters)}

    def all(self) -> tuple[StoredAdapter, ...]:
        """Every adapter, by id."""
        return tuple(self._known[name] for name in sorted(self._known))

    def get(self, adapter: str) -> StoredAdapter:
        """One adapter. Raises AdapterUnknown."""
        one = self._known.get(adapter)
        if one is None:
            raise AdapterUnknown(adapter=ascii(adapter[:64]))
        return one

    def live(self, base: str) -> tuple[LoadedAdapter, ...]:
        """What an engine of a base model is started with, by id."""
        return tuple(
            LoadedAdapter(
                one.id, one.digest, one.base_digest, one.sha256, self._path(one.id), one.size
            )
            for one in self.all()
            if one.base == base and one.state in _LIVE
        )

    def room(self, base: str) -> int:
        """How many adapters an engine of a base that takes them while it runs keeps room for."""
        known = sum(one.base == base for one in self._known.values())
        return max(_LEAST_ROOM, known) if known else 0

    def check(self, base: str, adapter: str) -> None:
        """Pass an adapter that is loaded on this base. Raises AdapterUnknown or AdapterRefused."""
        one = self.get(adapter)
        if one.base != base:
            raise _refused(adapter, f"属于 {one.base}", f"it belongs to {one.base}")
        if one.state not in _LIVE:
            raise _refused(adapter, "尚未加载", "it is not loaded")

    async def register(self, adapter: str, base: str, source: Path, actor: str) -> StoredAdapter:
        """Judge an adapter's file, copy it into the vault and tie it to its base.

        Raises:
            AdapterRefused: The name is taken or malformed, or the file is no LoRA of this base.
            ModelsError: The base is unknown, or the file is no sound GGUF file.
        """
        async with self._changing:
            if adapter in self._known or not _NAME.fullmatch(adapter):
                raise _refused(
                    ascii(adapter[:64]), "名称已用或不合格式", "its name is taken or malformed"
                )
            one = await asyncio.to_thread(self._admit, adapter, base, source, actor)
            self._known[adapter] = one
            return one

    async def approve(self, adapter: str, actor: str) -> StoredAdapter:
        """Let an adapter be loaded; who approved it stays on record."""
        async with self._changing:
            one = self._at(adapter, "approve")
            approved = replace(one, state="approved", approved_by=actor, approved=self._clock())
            return await self._step("approve", approved, actor)

    async def load(self, adapter: str, actor: str, engines: Engines) -> StoredAdapter:
        """Start an engine of the base that holds the adapter; it answers by deployments.

        Raises:
            AdapterRefused: It is not approved, or its base has changed since.
            ApplianceError, ModelsError: No engine with it came up; it is approved as before.
        """
        async with self._changing:
            one = self._at(adapter, "load")
            base = await asyncio.to_thread(self._shelf.get, one.base)
            if base.manifest.digest != one.base_digest:
                raise _refused(adapter, "基础模型已改变", "its base model has changed")
            self._known[adapter] = replace(one, state="loaded")
            try:
                await engines.refresh(one.base)
                return await self._step("load", self._known[adapter], actor)
            except BaseException:
                self._known[adapter] = one
                raise

    async def promote(
        self, adapter: str, name: str, actor: str, deployments: Deployments
    ) -> StoredAdapter:
        """Send all requests for a served name to the adapter."""
        async with self._changing:
            one = self._at(adapter, "promote")
            await deployments.apply(name, (Target(one.base, adapter, 100),), actor)
            return await self._step("promote", replace(one, state="promoted"), actor)

    async def revert(
        self, adapter: str, name: str, actor: str, deployments: Deployments
    ) -> StoredAdapter:
        """Put a served name back to what it was before; the adapter stays loaded."""
        async with self._changing:
            one = self._at(adapter, "revert")
            if deployments.get(name).previous is None:
                await deployments.withdraw(name, actor)
            else:
                await deployments.revert(name, actor)
            still = deployments.uses(one.base, adapter) is not None
            after = replace(one, state="promoted" if still else "loaded")
            return await self._step("revert", after, actor)

    async def remove(
        self, adapter: str, actor: str, engines: Engines, deployments: Deployments
    ) -> None:
        """Take an adapter out of its engine and delete its file.

        Raises:
            AdapterRefused: A served name still sends requests to it.
        """
        async with self._changing:
            one = self._at(adapter, "remove")
            name = deployments.uses(one.base, adapter)
            if name is not None:
                raise _refused(adapter, f"服务 {name} 仍在使用", f"{name} still uses it")

            def write() -> None:
                with self._store.change():
                    self._store.drop_adapter(adapter)
                    self._record("remove", one, actor)

            await asyncio.to_thread(write)
            del self._known[adapter]
            if one.state in _LIVE:
                # Without it the base goes on; if it cannot, its own state tells why.
                with suppress(ModelsError):
                    await engines.refresh(one.base)
            await asyncio.to_thread(shutil.rmtree, self._folder / adapter, ignore_errors=True)

    def _at(self, adapter: str, step: str) -> StoredAdapter:
        one = self.get(adapter)
        if one.state not in _STEPS[step]:
            raise _refused(adapter, f"现为 {one.state} 状态", f"it is {one.state}")
        return one

    def _path(self, adapter: str) -> Path:
        """Its GGUF file, or the folder that vLLM reads, which has its name."""
        file = self._folder / adapter / FILE
        return file if file.exists() else self._folder / adapter

    def _admit(self, adapter: str, base: str, source: Path, actor: str) -> StoredAdapter:
        model = self._shelf.get(base)
        take_in = take_folder if model.path.is_dir() else take_file
        target = self._folder / adapter
        shutil.rmtree(target, ignore_errors=True)
        try:
            taken = take_in(adapter, source, target, model.path)
            manifest: dict[str, Any] = {
                "base": base,
                "base_digest": model.manifest.digest,
                "format": FORMAT,
                "id": adapter,
                "sha256": taken.sha256,
                "size": taken.size,
            }
            told = canonical_bytes(manifest)
            (target / "manifest.json").write_bytes(told)
            one = StoredAdapter(
                id=adapter,
                base=base,
                base_digest=model.manifest.digest,
                digest=sha256(told).hexdigest(),
                sha256=taken.sha256,
                size=taken.size,
                state="registered",
                registered_by=actor,
                registered=self._clock(),
            )
            self._keep("register", one, actor)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return one

    async def _step(self, action: _Action, one: StoredAdapter, actor: str) -> StoredAdapter:
        await asyncio.to_thread(self._keep, action, one, actor)
        self._known[one.id] = one
        return one

    def _keep(self, action: _Action, one: StoredAdapter, actor: str) -> None:
        with self._store.change():
            self._store.put_adapter(one)
            self._record(action, one, actor)

    def _record(self, action: _Action, one: StoredAdapter, actor: str) -> None:
        event = adapter_step(action, actor, adapter=one.id, base=one.base, digest=one.digest)
        self._audit.append(event).result(_AUDIT_TIMEOUT_S)


def _refused(adapter: str, zh: str, en: str) -> AdapterRefused:
    return AdapterRefused(adapter=adapter, reason_zh=zh, reason_en=en)
