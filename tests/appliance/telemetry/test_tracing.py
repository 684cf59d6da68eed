"""Traces: never loaded while off, never outside the hospital, and nothing in them but counts."""

import os
import subprocess
import sys
from pathlib import Path

import aiohttp.web
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from appliance.telemetry.errors import TracesRefused
from appliance.telemetry.tracing import TracedObserved, judge_endpoint, start_traces

ROOT = Path(__file__).parents[3]
CHAT = "/v1/chat/completions"


@pytest.mark.slow
def test_a_box_without_a_collector_loads_nothing_of_it() -> None:
    code = (
        "import sys; from appliance.telemetry.tracing import start_traces;"
        "import appliance.app; assert start_traces('', 'b', '1', 1.0) is None;"
        "print([n for n in sys.modules if n.startswith(('opentelemetry.sdk', "
        "'opentelemetry.exporter', 'requests'))])"
    )
    # FastAPI brings the interface of OpenTelemetry along, and would load and use the rest if asked
    # by the environment: then its data would leave the box.
    asked = {
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://203.0.113.9:4318",
    }
    said = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, text=True, env={**os.environ, **asked}
    )
    assert said.strip() == "[]"


def test_what_fastapi_would_tell_by_itself_is_off() -> None:
    from appliance.app import _SILENT

    assert set(_SILENT.values()) == {False}
    assert {"tracing", "metrics", "logs", "auto_configure"} <= set(_SILENT)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://8.8.8.8:4318", "http://collector.hospital.cn:4318", "http://localhost:4318",
        "ftp://10.0.0.5", "http://10.0.0.5:99999", "http://user:pw@10.0.0.5:4318",
        "http://0.0.0.0:4318", "http://[::]:4318", "http://[2001:db8::1]:4318",
        "http://[::ffff:8.8.8.8]:4318", "http://167772165:4318", "http://10.0.0.5:4318/?x=1",
        "http://172.32.0.1", "http://", "10.0.0.5:4318", "http://10.0.0.5\\@8.8.8.8/", "\x1b[31m",
    ],
)  # fmt: skip
def test_an_address_outside_or_in_disguise_is_refused(endpoint) -> None:
    with pytest.raises(TracesRefused) as refusal:
        judge_endpoint(endpoint)
    assert "\x1b" not in refusal.value.sentence


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://10.1.2.3:4318", "http://10.1.2.3:4318/v1/traces"),
        ("https://192.168.0.9", "https://192.168.0.9/v1/traces"),
        ("http://[fd00::5]:4318/", "http://[fd00::5]:4318/v1/traces"),
    ],
)
def test_an_address_inside_is_taken(endpoint, url) -> None:
    assert judge_endpoint(endpoint) == url


class Collector:
    """A receiver of OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans = []
        self.redirect = ""
        self.asked = 0

    async def take(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        self.asked += 1
        if self.redirect:
            raise aiohttp.web.HTTPTemporaryRedirect(self.redirect)
        message = ExportTraceServiceRequest.FromString(await request.read())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans += [(resource.resource, span) for span in scope.spans]
        return aiohttp.web.Response(content_type="application/x-protobuf")


@pytest.fixture
async def collector():
    one = Collector()
    app = aiohttp.web.Application()
    app.router.add_post("/v1/traces", one.take)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield one
    await runner.cleanup()


def values(attributes) -> dict:
    return {
        one.key: one.value.string_value or one.value.int_value or one.value.double_value
        for one in attributes
    }


async def in_thread(function) -> None:
    import asyncio

    await asyncio.to_thread(function)


async def test_a_collector_hears_route_model_times_and_counts_and_no_more(
    collector, monkeypatch
) -> None:
    # A proxy of the environment would lead out of the hospital.
    monkeypatch.setitem(os.environ, "http_proxy", "http://203.0.113.9:1")
    traces = start_traces(collector.url, "box-7", "0.1.0", 1.0)
    observed = TracedObserved(traces, [CHAT], ["access"], lambda model: model == "m")
    observed.answered(CHAT, "m", 200, 0.5, 0.1, 11, 3)
    observed.answered("/v1/患者张三", "odd model 患者张三", 503, 0.1, None, 0, 0)
    await in_thread(traces.close)
    (resource, first), (_, second) = collector.spans
    assert values(resource.attributes)["service.instance.id"] == "box-7"
    told = values(first.attributes)
    assert told == {
        "http.route": CHAT,
        "http.response.status_code": 200,
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 3,
    }
    assert first.end_time_unix_nano - first.start_time_unix_nano == 500_000_000
    assert [event.name for event in first.events] == ["first token"]
    assert second.name == "other"
    assert values(second.attributes)["gen_ai.response.model"] == "other"
    assert "张三" not in str(collector.spans)
    assert observed.series().keys() == {(CHAT, "m"), ("other", "other")}


async def test_a_collector_cannot_send_the_spans_elsewhere(collector, caplog) -> None:
    elsewhere: list[str] = []
    collector.redirect = collector.url + "/v1/traces?again=1"
    traces = start_traces(collector.url, "b", "1", 1.0)
    TracedObserved(traces, [CHAT]).answered(CHAT, "", 200, 0.1, None, 0, 0)
    await in_thread(traces.close)
    assert collector.asked == 1
    assert collector.spans == elsewhere


async def test_a_collector_that_is_not_there_costs_no_request(caplog) -> None:
    traces = start_traces("http://127.0.0.1:9", "b", "1", 0.0)
    observed = TracedObserved(traces, [CHAT])
    for _ in range(5000):
        observed.answered(CHAT, "", 200, 0.1, None, 0, 0)
    await in_thread(traces.close)
    assert sum(observed.series()[(CHAT, "")].classes) == 5000
