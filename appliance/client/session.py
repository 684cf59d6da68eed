"""A typed conversation with one box: what the console and the commands speak."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from appliance.client.access import Access
from appliance.client.audit import AuditCalls
from appliance.client.backup import Backups
from appliance.client.bodies import Bodies
from appliance.client.cluster import Cluster
from appliance.client.imports import Imports
from appliance.client.outside import Outside
from appliance.client.posture import PostureCalls
from appliance.client.problem import ProblemError, unexpected
from appliance.client.serving import Serving
from appliance.client.signin import OutsideSignIn
from appliance.client.slots import VaultSlots
from appliance.client.storage import Storage
from appliance.client.transport import Transport
from appliance.client.updates import Updates
from appliance.contract.access import (
    CreatedKey,
    KeyView,
    KeyWish,
    SessionView,
    SignIn,
    Unlock,
    UserView,
    UserWish,
    VaultView,
)
from appliance.contract.catalogue import CardView, ModelVerified, ModelView
from appliance.contract.job import EvaluationWish, Job, JobEvent, JobList
from appliance.contract.planning import PlanView, PlanWish
from appliance.contract.problem import Problem
from appliance.contract.specialist import Draft, DraftEvent
from appliance.contract.system import Health, Info, Overview

NOTE = "/api/v1/specialists/admission-note"


class Session(AuditCalls):
    """One box and who speaks to it.

    Every method raises `ProblemError` when the box refuses, `BoxUnreachable` when nobody answers.
    """

    def __init__(self, transport: Transport) -> None:
        self._wire = transport
        self.bodies = Bodies(transport)
        self.serving = Serving(transport)
        self.outside = OutsideSignIn(transport)
        self.access = Access(transport)
        self.backups = Backups(transport)
        self.cluster = Cluster(transport)
        self.watchers = Outside(transport)
        self.imports = Imports(transport)
        self.postures = PostureCalls(transport)
        self.slots = VaultSlots(transport)
        self.storage = Storage(transport)
        self.updates = Updates(transport)

    @classmethod
    def local(cls, socket: Path) -> Self:
        """Speak as the local administrator over the Unix socket."""
        return cls(Transport.local(socket))

    @classmethod
    def remote(cls, url: str, ca_file: Path | None = None, token: str | None = None) -> Self:
        """Speak over TLS with a key or a session token."""
        return cls(Transport.remote(url, ca_file, token))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the box's session stays until it is signed out or expires."""
        await self._wire.close()

    async def health(self, *, deep: bool = False) -> Health:
        """Whether the box can answer; `deep` (needs a token) has the engine write one token."""
        return await self._wire.view(
            Health, "GET", "/api/v1/system/health", query={"deep": "1"} if deep else None
        )

    async def info(self) -> Info:
        """Who the box is."""
        return await self._wire.view(Info, "GET", "/api/v1/system/info")

    async def overview(self) -> Overview:
        """Everything on the first screen."""
        return await self._wire.view(Overview, "GET", "/api/v1/system/overview")

    async def vault(self) -> VaultView:
        """The state of the vault."""
        return await self._wire.view(VaultView, "GET", "/api/v1/vault")

    async def unlock(self, secret: str) -> VaultView:
        """Unlock the vault with the passphrase or the recovery key."""
        return await self.slots.unlock(Unlock(secret=secret))

    async def lock(self) -> VaultView:
        """Lock the vault; everything but health and unlock stops answering."""
        return await self._wire.view(VaultView, "POST", "/api/v1/vault/lock")

    # People and keys

    async def sign_in(self, name: str, password: str, totp: str | None = None) -> SessionView:
        """Sign in and speak with the new session from here on."""
        wish = SignIn(name=name, password=password, totp=totp)
        view = await self._wire.view(SessionView, "POST", "/api/v1/sessions", wish)
        self._wire.token = view.token
        return view

    async def sign_out(self) -> None:
        """End the session on the box."""
        await self._wire.json("DELETE", "/api/v1/sessions/current")
        self._wire.token = None

    async def keys(self) -> tuple[KeyView, ...]:
        """Every key, without its secret."""
        rows = await self._wire.json("GET", "/api/v1/keys")
        return tuple(KeyView.model_validate(row) for row in rows)

    async def create_key(self, wish: KeyWish) -> CreatedKey:
        """Make a key; its secret is in the answer and nowhere else."""
        return await self._wire.view(CreatedKey, "POST", "/api/v1/keys", wish)

    async def revoke_key(self, key_id: str) -> None:
        """Revoke a key; it stops working at once."""
        await self._wire.json("DELETE", f"/api/v1/keys/{quote(key_id, safe='')}")

    async def users(self) -> tuple[UserView, ...]:
        """Every person who may sign in."""
        rows = await self._wire.json("GET", "/api/v1/users")
        return tuple(UserView.model_validate(row) for row in rows)

    async def create_user(self, wish: UserWish) -> UserView:
        """Let a person in."""
        return await self._wire.view(UserView, "POST", "/api/v1/users", wish)

    # Models

    async def models(self) -> tuple[ModelView, ...]:
        """The models on the shelf."""
        rows = await self._wire.json("GET", "/api/v1/models")
        return tuple(ModelView.model_validate(row) for row in rows)

    async def card(self, model_id: str) -> CardView:
        """A model's card and manifest."""
        return await self._wire.view(CardView, "GET", f"/api/v1/models/{_part(model_id)}/card")

    async def plan_model(self, wish: PlanWish) -> PlanView:
        """What fits on which cards, and how fast it would be."""
        body = wish.model_dump(exclude_none=True)
        return await self._wire.view(PlanView, "POST", "/api/v1/models/plan", body)

    async def verify_model(self, model_id: str) -> ModelVerified:
        """Hash every byte of a model again."""
        return await self._wire.view(
            ModelVerified, "POST", f"/api/v1/models/{_part(model_id)}/verify"
        )

    async def chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/chat/completions`, not streamed."""
        answer = await self._wire.json("POST", "/v1/chat/completions", body)
        if not isinstance(answer, dict):
            raise ProblemError(unexpected(200, "chat", str(answer)))
        return answer

    # The admission note

    async def draft(self, facts: Mapping[str, Any]) -> Draft:
        """Draft an admission note from key facts."""
        return await self._wire.view(Draft, "POST", NOTE, {"facts": dict(facts)})

    async def draft_stream(self, facts: Mapping[str, Any]) -> AsyncIterator[DraftEvent]:
        """Draft a note and watch it being written; an `error` event is raised as ProblemError."""
        body = {"facts": dict(facts), "stream": True}
        async for sent in self._wire.events("POST", NOTE, body):
            event = DraftEvent.model_validate_json(sent.data)
            if event.problem is not None:
                raise ProblemError(event.problem)
            yield event

    async def draft_schema(self) -> dict[str, Any]:
        """The JSON Schema of the facts."""
        return dict(await self._wire.json("GET", f"{NOTE}/schema"))

    # Jobs

    async def submit_job(self, kind: str, spec: Mapping[str, Any]) -> Job:
        """Put a job in the queue."""
        return await self._wire.view(
            Job, "POST", "/api/v1/jobs", {"kind": kind, "spec": dict(spec)}
        )

    async def evaluate(self, wish: EvaluationWish) -> Job:
        """Put an evaluation in the queue."""
        return await self._wire.view(Job, "POST", "/api/v1/evaluations", wish)

    async def jobs(self) -> tuple[Job, ...]:
        """Jobs, newest first."""
        return (await self._wire.view(JobList, "GET", "/api/v1/jobs")).jobs

    async def job(self, job_id: str) -> Job:
        """One job."""
        return await self._wire.view(Job, "GET", f"/api/v1/jobs/{_part(job_id)}")

    async def cancel_job(self, job_id: str) -> Job:
        """Ask a job to stop; it checkpoints first where it can."""
        return await self._wire.view(Job, "POST", f"/api/v1/jobs/{_part(job_id)}/cancel")

    async def resume_job(self, job_id: str) -> Job:
        """Put an interrupted, failed or cancelled job back in the queue."""
        return await self._wire.view(Job, "POST", f"/api/v1/jobs/{_part(job_id)}/resume")

    async def job_events(self, job_id: str, after: int = 0) -> AsyncIterator[JobEvent]:
        """The events of a job after `after`, then live ones until the job ends."""
        path = f"/api/v1/jobs/{_part(job_id)}/events"
        async for sent in self._wire.events("GET", path, headers={"Last-Event-ID": str(after)}):
            if sent.event == "error":
                raise ProblemError(Problem.model_validate_json(sent.data))
            yield JobEvent.model_validate_json(sent.data)


def _part(value: str) -> str:
    return quote(value, safe="")
