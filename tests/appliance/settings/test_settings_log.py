"""The log holds no content, whatever is thrown at it."""

import asyncio
import json
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import VaultLocked
from appliance.settings.layout import StateLayout
from appliance.settings.log import FIELDS, REQUEST, ContentFreeFormatter, configure

SECRET = "患者张三 password=hunter2"
FORBIDDEN = ("prompt", "answer", "secret", "password", "passphrase", "content", "text", "facts")


@pytest.fixture
def lines(tmp_path):
    handler = configure(StateLayout(tmp_path), "debug")

    def read() -> list[dict]:
        handler.flush()
        path = StateLayout(tmp_path).log_file
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    yield read
    logging.getLogger().removeHandler(handler)
    handler.close()
    logging.raiseExceptions = True


def test_no_field_could_hold_content():
    for name in FIELDS:
        assert not any(word in name for word in FORBIDDEN if name not in _COUNTS), name


_COUNTS = {"prompt_tokens", "completion_tokens"}


def test_a_line_carries_template_and_listed_fields(lines):
    log = logging.getLogger("appliance.serving")
    log.info("engine ready", extra={"model": "wardbox-reference", "duration_ms": 12})
    (line,) = lines()
    assert line["message"] == "engine ready"
    assert (line["model"], line["duration_ms"]) == ("wardbox-reference", 12)
    assert line["level"] == "info"


def test_content_has_no_way_in(lines):
    log = logging.getLogger("appliance.api")
    log.warning("refused %s", SECRET)
    log.warning("refused", extra={"prompt": SECRET, "model": SECRET, "code": [SECRET]})
    logging.getLogger("foreign.library").error(SECRET)
    for error in (ValueError(SECRET), VaultLocked(hint=SECRET)):
        log.error("failed", exc_info=error)
    found = lines()
    text = json.dumps(found, ensure_ascii=False)
    assert "张三" not in text
    assert "hunter2" not in text
    assert found[1]["model"] == "(withheld)"
    assert found[3]["error"]["type"] == "ValueError"
    assert found[4]["error"]["code"] == "vault.locked"
    assert "message" not in found[2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1).filter(lambda text: not text.isascii() or " " in text))
def test_any_text_is_withheld(text):
    record = logging.LogRecord("appliance.x", logging.INFO, "f", 1, "said %s", (text,), None)
    for name in FIELDS:
        setattr(record, name, text)
    line = json.loads(ContentFreeFormatter().format(record))
    assert all(line[name] == "(withheld)" for name in FIELDS)
    assert line["message"] == "said %s"


def test_the_file_is_private_and_configuring_twice_doubles_nothing(tmp_path, lines):
    again = configure(StateLayout(tmp_path))
    logging.getLogger("appliance").info("once")
    again.flush()
    path = StateLayout(tmp_path).log_file
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1
    assert len(lines()) == 1
    logging.getLogger().removeHandler(again)
    again.close()


def test_no_module_formats_its_log_messages():
    root = Path(__file__).parents[3] / "appliance"
    for module in root.rglob("*.py"):
        text = module.read_text(encoding="utf-8")
        for call in ("log.info(f", "log.warning(f", "log.error(f", "log.debug(f", "logger.info(f"):
            assert call not in text, module


async def test_every_line_of_a_request_names_it_also_from_its_threads(lines):
    log = logging.getLogger("wardbox.api")

    async def request(ident: str) -> None:
        REQUEST.set(ident)
        await asyncio.sleep(0)
        log.error("in the task")
        await asyncio.to_thread(log.error, "in a thread")
        log.error("its own", extra={"request_id": "req_other"})

    await asyncio.gather(request("req_a"), request("req_b"))
    log.error("outside")
    found = [(line["message"], line.get("request_id")) for line in lines()]
    for ident in ("req_a", "req_b"):
        assert ("in the task", ident) in found
        assert ("in a thread", ident) in found
    assert found.count(("its own", "req_other")) == 2
    assert found[-1] == ("outside", None)


async def test_a_request_that_is_no_identifier_stays_out(lines):
    token = REQUEST.set(SECRET)
    logging.getLogger("appliance").error("x")
    REQUEST.reset(token)
    assert "request_id" not in lines()[0]
