"""Traces, off unless a collector inside the hospital is named: one span a request, no content.

OpenTelemetry is imported by `start_traces` alone; a box without a collector never loads it.
"""

import ipaddress
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from typing_extensions import override

from appliance.telemetry.errors import TracesRefused
from appliance.telemetry.observed import Observed

_PATH: Final = "/v1/traces"
_NANO: Final = 1_000_000_000
_QUEUE: Final = 2048
_TIMEOUT_S: Final = 5.0
_EVERY_MS: Final = 2000
# Private use (RFC 1918, RFC 4193), loopback and link-local; a name could lead anywhere tomorrow.
_NEAR: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)


def judge_endpoint(endpoint: str) -> str:
    """The address that spans are posted to.

    Args:
        endpoint: "http://10.0.0.5:4318" or https, a literal address of a private network.

    Raises:
        TracesRefused: it is no such address; traces never leave the hospital.
    """
    shown = "".join(c if c.isprintable() else "?" for c in endpoint[:100])
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname or "", parts.port
        address = ipaddress.ip_address(host)
    except ValueError:
        raise TracesRefused(
            endpoint=shown, reason_zh="不是字面 IP 地址", reason_en="it is no literal IP address"
        ) from None
    if parts.scheme not in {"http", "https"} or parts.username or parts.query or parts.fragment:
        raise TracesRefused(
            endpoint=shown, reason_zh="写法不符", reason_en="it is not http://ADDRESS:PORT"
        )
    if not any(address in network for network in _NEAR if network.version == address.version):
        raise TracesRefused(
            endpoint=shown, reason_zh="不是内网地址", reason_en="the address is not private"
        )
    return f"{parts.scheme}://{parts.netloc}{_PATH}"


@dataclass(frozen=True, slots=True)
class Answered:
    """What one span tells: labels from closed sets, times and counts."""

    route: str
    model: str
    status: int
    seconds: float
    first_token_s: float | None
    prompt_tokens: int
    completion_tokens: int


class Traces(Protocol):
    """Where spans go."""

    def answered(self, one: Answered) -> None:
        """Take the span of a request that has just ended; never blocks, never raises."""
        ...

    def close(self) -> None:
        """Send what is left, within a few seconds."""
        ...


class OtlpTraces:
    """Spans to a collector, in batches from a thread of their own; a full queue drops the newest.

    Args:
        endpoint: as `judge_endpoint` returns it.
        box: id of the box.
        version: version of the software.
        share: share of requests that become a span, 0 to 1.
    """

    def __init__(self, endpoint: str, box: str, version: str, share: float) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # off by default
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415
        from requests import Session  # noqa: PLC0415

        session = Session()
        # A proxy of the environment, a password file or a redirect would lead out of the hospital.
        session.trust_env = False
        session.max_redirects = 0
        exporter = OTLPSpanExporter(
            endpoint=endpoint, headers={}, timeout=_TIMEOUT_S, session=session
        )
        resource = Resource(
            {"service.name": "wardbox", "service.instance.id": box, "service.version": version}
        )
        self._provider = TracerProvider(
            resource=resource, sampler=TraceIdRatioBased(share), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=_QUEUE, schedule_delay_millis=_EVERY_MS)
        )
        self._tracer = self._provider.get_tracer("wardbox")
        self._kind = SpanKind.SERVER
        self._fault = Status(StatusCode.ERROR)

    def answered(self, one: Answered) -> None:
        """Make the span of a request that has just ended."""
        ended = time.time_ns()
        begun = ended - int(one.seconds * _NANO)
        told: dict[str, Any] = {
            "http.route": one.route,
            "http.response.status_code": one.status,
            "gen_ai.response.model": one.model,
            "gen_ai.usage.input_tokens": one.prompt_tokens,
            "gen_ai.usage.output_tokens": one.completion_tokens,
        }
        span = self._tracer.start_span(
            one.route, kind=self._kind, attributes=told, start_time=begun
        )
        if one.first_token_s is not None:
            span.add_event("first token", timestamp=begun + int(one.first_token_s * _NANO))
        if one.status >= 500:  # noqa: PLR2004  # server errors, RFC 9110
            span.set_status(self._fault)
        span.end(end_time=ended)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class TracedObserved(Observed):
    """Counts as `Observed` does and makes a span of each answer; used only while traces are on."""

    def __init__(
        self,
        traces: Traces,
        routes: Iterable[str] = (),
        codes: Iterable[str] = (),
        known_model: Callable[[str], bool] = lambda _: False,
    ) -> None:
        super().__init__(routes, codes, known_model)
        self._traces = traces

    @override
    def answered(
        self,
        route: str,
        model: str,
        status: int,
        seconds: float,
        first_token_s: float | None,
        prompt_tokens: int,
        completion_tokens: int,
    ) -> None:
        """Count one answer and make its span, with the same closed labels."""
        super().answered(
            route, model, status, seconds, first_token_s, prompt_tokens, completion_tokens
        )
        self._traces.answered(
            Answered(
                self._route(route),
                self._model(model),
                status,
                seconds,
                first_token_s,
                prompt_tokens,
                completion_tokens,
            )
        )


def start_traces(endpoint: str, box: str, version: str, share: float) -> OtlpTraces | None:
    """Begin to send traces; None while no collector is named. Raises TracesRefused."""
    if not endpoint:
        return None
    return OtlpTraces(judge_endpoint(endpoint), box, version, share)
