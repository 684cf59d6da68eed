"""Problem details of RFC 9457, the form of every error on the wire."""

from pydantic import ConfigDict

from appliance.contract.base import Wire

PROBLEM_TYPE = "application/problem+json"


class OpenAiError(Wire):
    """The error object that OpenAI's clients read, on `/v1` beside the problem's own members."""

    message: str
    type: str
    code: str
    param: str | None = None


class Problem(Wire):
    """One refusal: a stable code, a sentence in Chinese and English, and a way out.

    `type` is `urn:wardbox:problem:<code>`; `detail` and `way_out` hold Chinese first, then English;
    `fields` are the dotted paths in the request that it is about, where it is about any.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:wardbox:problem:vault.locked",
                    "title": "Service Unavailable",
                    "status": 503,
                    "code": "vault.locked",
                    "detail": "保险库已锁定。 The vault is locked.",
                    "way_out": "请先解锁。 Unlock it first.",
                    "request_id": "req_3f6c0a1b2c3d4e5f",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    way_out: str
    request_id: str
    fields: tuple[str, ...] = ()
    progress: float | None = None
    retry_after_s: float | None = None
    error: OpenAiError | None = None
