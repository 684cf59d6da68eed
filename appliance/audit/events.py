"""The events of the box, one typed function per tag; docs/reference/audit-events.md lists them."""

from typing import Literal

from appliance.audit.event import Detail, Event
from appliance.bodies.shape import Body

__all__ = ["Event"]

BOX = "box"
"""The actor of what the box does by itself."""


# The box itself


def audit_start(*, size: int, version: str) -> Event:
    """The log was opened with this many entries."""
    return Event("box:audit:start", BOX, None, None, {"size": size, "version": version})


def audit_stop(*, reason: str) -> Event:
    """The log is being closed in good order."""
    return Event("box:audit:stop", BOX, None, None, {"reason": reason})


def audit_unclean_stop(*, last_boot: str, last_time: int) -> Event:
    """The log was not closed in good order the time before."""
    details: dict[str, Detail] = {"last_boot": last_boot, "last_time": last_time}
    return Event("box:audit:unclean-stop", BOX, None, None, details)


def audit_gap(*, refused: int, reason: str) -> Event:
    """The log could not be written for a while and refused this many events."""
    return Event("box:audit:gap", BOX, None, None, {"refused": refused, "reason": reason})


def clock_step(*, step_us: int) -> Event:
    """The wall clock jumped by this many microseconds against the monotonic one."""
    return Event("box:clock:step", BOX, None, None, {"step_us": step_us})


def settings_load(*, digest: str) -> Event:
    """The box started with the settings of this digest."""
    return Event("settings:box:load", BOX, None, None, {"digest": digest})


def firmware_check(actor: str, *, posture: str, digest: str, failed: list[str]) -> Event:
    """The firmware checks ran."""
    details: dict[str, Detail] = {"digest": digest, "failed": list(failed), "posture": posture}
    return Event("firmware:check:run", actor, None, None, details)


def audit_verify(actor: str, *, size: int, ok: bool) -> Event:
    """The whole log was recomputed."""
    return Event("audit:log:verify", actor, None, None, {"ok": ok, "size": size})


# Access and vault


def session_open(actor: str, request_id: str | None, *, role: str) -> Event:
    """A person signed in."""
    return Event("access:session:open", actor, None, request_id, {"role": role})


def session_close(actor: str, request_id: str | None, *, reason: str) -> Event:
    """A session ended."""
    return Event("access:session:close", actor, None, request_id, {"reason": reason})


def session_refuse(actor: str, request_id: str | None, *, reason: str) -> Event:
    """A sign-in was refused."""
    return Event("access:session:refuse", actor, None, request_id, {"reason": reason})


def key_create(actor: str, request_id: str | None, *, key_id: str, scopes: list[str]) -> Event:
    """An API key was made."""
    details: dict[str, Detail] = {"scopes": list(scopes)}
    return Event("access:key:create", actor, key_id, request_id, details)


def key_revoke(actor: str, request_id: str | None, *, key_id: str) -> Event:
    """An API key was revoked."""
    return Event("access:key:revoke", actor, key_id, request_id)


def key_refuse(actor: str, request_id: str | None, *, code: str) -> Event:
    """A request was refused for its key or its scope."""
    return Event("access:key:refuse", actor, None, request_id, {"code": code})


def user_create(actor: str, request_id: str | None, *, name: str, role: str) -> Event:
    """A person was given an account."""
    return Event("access:user:create", actor, name, request_id, {"role": role})


def vault_root(action: Literal["unlock", "lock"], actor: str, *, slot: str | None = None) -> Event:
    """The vault was unlocked by a slot, or locked."""
    return Event(f"vault:root:{action}", actor, None, None, {"slot": slot})


# Models and answers


def completion_accept(actor: str, request_id: str, *, route: str, model: str) -> Event:
    """A request passed all gates and goes to the engine."""
    details: dict[str, Detail] = {"model": model, "route": route}
    return Event("model:completion:accept", actor, None, request_id, details)


class Completion:
    """What is recorded of one answer; digests and counts, never its text.

    Args:
        receipt: receipt id, from `appliance.audit.identifiers.receipt_id`.
        route: path of the request.
        model: model id.
        model_digest: digest of the model's manifest.
        adapter_digest: digest of the adapter's manifest, or None.
        prompt_hash: salted hash of the prompt, hexadecimal.
        answer_hash: salted hash of the answer, hexadecimal.
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        seed: sampling seed, or None.
        stream: whether the answer was streamed.
        status: "complete", "length", "stopped" or "client-gone".
        posture: digest of the box's posture.
        policy: version of the policy that was applied.
        patient: pseudonym of the patient whom the request named, or None.
        body: "kept" where its texts are kept behind the record, else why not.
    """

    __slots__ = (
        "adapter_digest",
        "answer_hash",
        "body",
        "completion_tokens",
        "model",
        "model_digest",
        "patient",
        "policy",
        "posture",
        "prompt_hash",
        "prompt_tokens",
        "receipt",
        "route",
        "seed",
        "status",
        "stream",
    )

    def __init__(  # noqa: PLR0913  # by name, and one is made for every answer
        self,
        *,
        receipt: str,
        route: str,
        model: str,
        model_digest: str,
        adapter_digest: str | None,
        prompt_hash: str,
        answer_hash: str,
        prompt_tokens: int,
        completion_tokens: int,
        seed: int | None,
        stream: bool,
        status: str,
        posture: str,
        policy: str,
        patient: str | None = None,
        body: str = "none",
    ) -> None:
        self.receipt = receipt
        self.route = route
        self.model = model
        self.model_digest = model_digest
        self.adapter_digest = adapter_digest
        self.prompt_hash = prompt_hash
        self.answer_hash = answer_hash
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens
        self.seed = seed
        self.stream = stream
        self.status = status
        self.posture = posture
        self.policy = policy
        self.patient = patient
        self.body = body

    def details(self) -> dict[str, Detail]:
        """The fields as details of an event."""
        # dataclasses.asdict copies deeply and takes ten times as long; this runs for each answer.
        return {
            "adapter_digest": self.adapter_digest,
            "answer_hash": self.answer_hash,
            "body": self.body,
            "completion_tokens": self.completion_tokens,
            "model": self.model,
            "model_digest": self.model_digest,
            "patient": self.patient,
            "policy": self.policy,
            "posture": self.posture,
            "prompt_hash": self.prompt_hash,
            "prompt_tokens": self.prompt_tokens,
            "receipt": self.receipt,
            "route": self.route,
            "seed": self.seed,
            "status": self.status,
            "stream": self.stream,
        }


def completion_answer(
    actor: str, request_id: str, completion: Completion, body: Body | None = None
) -> Event:
    """An answer was written and may be handed over."""
    return Event("model:completion:answer", actor, None, request_id, completion.details(), body)


def completion_fail(actor: str, request_id: str, *, route: str, model: str, code: str) -> Event:
    """A request that was accepted came to no answer."""
    details: dict[str, Detail] = {"code": code, "model": model, "route": route}
    return Event("model:completion:fail", actor, None, request_id, details)


def admission_note_draft(
    actor: str,
    request_id: str,
    completion: Completion,
    *,
    repairs: int,
    flags: int,
    extract_hash: str,
) -> Event:
    """An admission note was drafted and checked against its facts, whose salted hash is told too."""
    found: dict[str, Detail] = {"extract_hash": extract_hash, "flags": flags, "repairs": repairs}
    found.update(completion.details())
    return Event("specialist:admission-note:draft", actor, None, request_id, found)


def model_shelf(
    action: Literal["admit", "remove", "switch", "verify"],
    actor: str,
    *,
    model: str,
    digest: str,
    ok: bool = True,
) -> Event:
    """A model was put on the shelf, switched to another version, taken off or rehashed there."""
    return Event(f"model:shelf:{action}", actor, model, None, {"digest": digest, "ok": ok})


# Long work and updates


def job_run(
    action: Literal["submit", "start", "finish", "fail", "cancel", "resume"],
    actor: str,
    *,
    job_id: str,
    kind: str,
    code: str | None = None,
) -> Event:
    """A job moved on; a failure has a code."""
    return Event(f"job:run:{action}", actor, job_id, None, {"code": code, "kind": kind})


def tuning_finish(
    actor: str, *, job_id: str, base: str, dataset: str, recipe: str, result: str
) -> Event:
    """A training run finished; its recipe, and digests of base model, data and result."""
    details: dict[str, Detail] = {"base": base, "dataset": dataset, "recipe": recipe}
    details["result"] = result
    return Event("tuning:run:finish", actor, job_id, None, details)


def evaluation_finish(actor: str, *, job_id: str, model: str, report: str) -> Event:
    """An evaluation finished; digests of the model and of the report."""
    details: dict[str, Detail] = {"model": model, "report": report}
    return Event("evaluation:run:finish", actor, job_id, None, details)


def update_bundle(
    action: Literal["verify", "refuse", "apply"],
    actor: str,
    *,
    name: str,
    version: str,
    code: str | None = None,
) -> Event:
    """An update bundle was verified, refused with a code, or applied."""
    details: dict[str, Detail] = {"code": code, "version": version}
    return Event(f"update:bundle:{action}", actor, name, None, details)
