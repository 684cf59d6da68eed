"""Wire types of offline updates: what a stick holds, what it would change, and what became of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.contract.base import Identifier, Text, Wire

Kind = Literal["software", "models", "evaluations", "baselines", "data"]


class UpdateWish(Wire):
    """The folder a stick is mounted at; heeded on the local socket only.

    `approval` is the id of an approved `update.expired`, for a stick that is the newest but has
    expired.
    """

    directory: str = Field(min_length=1, max_length=1024)
    approval: Identifier | None = None


class RollbackWish(Wire):
    """The package that shall be again what it was before its last update."""

    kind: Kind
    id: Identifier


class UpdateView(Wire):
    """One bundle: what it is called, holds and what became of it."""

    id: str
    kind: str
    subject: str
    version: str
    state: Literal["verified", "refused", "applied", "staged", "reverted", "rolled-back"]
    time: datetime
    sentence: str


class UpdateList(Wire):
    """Bundles seen, newest first."""

    updates: tuple[UpdateView, ...]


class ChangeView(Wire):
    """What would become of one package: `before` is None for a new one; sizes in bytes.

    `what`: new, newer, older, same (nothing happens). `live`: no request is lost and nothing
    restarts; otherwise the box is away for about `downtime_s` seconds.
    """

    kind: Kind
    id: str
    title: Text
    before: str | None
    after: str
    what: Literal["new", "newer", "older", "same"]
    size: int
    live: bool
    downtime_s: int


class HindranceView(Wire):
    """Why the bundle cannot be applied, known before anything is done."""

    code: str
    sentence: str
    way_out: str


class RateView(Wire):
    """How fast a step is expected to be, in bytes a second, and how that is known.

    `known`: "stick", measured on this very stick; "earlier", in earlier updates of this box; "assumed",
    not measured yet, so a cautious guess.
    """

    bytes_s: int
    known: Literal["stick", "earlier", "assumed"]


class PaceView(Wire):
    """What the estimate of a plan's time rests on: copying from the stick, and putting in place."""

    copying: RateView
    making: RateView


class UpdatePlan(Wire):
    """What applying a stick would do; `seconds` is an estimate, sizes are in bytes.

    `schema_after` is the number of the database's schema after a new release; `overridden`: it has
    expired, and two people let it pass. `left`: what of `copies` is not here yet; `log_steps`: by what
    a new release would widen the audit log.
    """

    bundle: str
    signed_at: datetime
    changes: tuple[ChangeView, ...]
    copies: int
    needs: int
    free: int
    seconds: int
    downtime_s: int
    schema_after: int | None
    overridden: bool
    hindrances: tuple[HindranceView, ...]
    left: int | None = None
    pace: PaceView | None = None
    log_steps: tuple[str, ...] = ()


class StickView(Wire):
    """A mounted folder; `bundle` says whether it looks like a bundle of updates."""

    directory: str
    bundle: bool


class TrustView(Wire):
    """The vendor's root that the box trusts; `fingerprint` is compared over the telephone."""

    version: int
    expires: datetime
    threshold: int
    keys: tuple[str, ...]
    fingerprint: str


class InstalledView(Wire):
    """A package that a stick brought; `previous` is what a rollback would bring back."""

    kind: Kind
    id: str
    version: str
    previous: str | None
    bundle: str
    time: datetime


class PendingView(Wire):
    """A software release that waits for the installer's unit, or that it is at work on."""

    version: str
    rollback: bool
    asked_by: str
    time: datetime
    told: Text | None


class UpdateStatus(Wire):
    """How updates stand: trust, sticks, what is installed, and what is under way.

    `job` is the id of the job at work, if any; `recipient` what vendors seal models to that no other box
    shall open.
    """

    release: str
    trust: TrustView | None
    sticks: tuple[StickView, ...]
    installed: tuple[InstalledView, ...]
    pending: PendingView | None
    job: str | None
    recipient: str | None = None


class HealthCheckView(Wire):
    """One check of a box after an update."""

    name: str
    ok: bool
    told: Text
    seconds: float


class UpdateHealth(Wire):
    """Whether a box works after an update, check by check."""

    ok: bool
    release: str
    checks: tuple[HealthCheckView, ...]
