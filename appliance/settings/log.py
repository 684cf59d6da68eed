"""The box's log: JSON lines that can hold no content, because only named fields get in."""

import json
import logging
import os
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from appliance.settings.layout import StateLayout

FIELDS: Final = frozenset(
    (
        "actor",
        "attempt",
        "bytes",
        "code",
        "completion_tokens",
        "count",
        "duration_ms",
        "exit_code",
        "job_id",
        "key_id",
        "kind",
        "method",
        "model",
        "pid",
        "port",
        "prompt_tokens",
        "receipt",
        "request_id",
        "route",
        "signal",
        "state",
        "status",
        "unit",
        "version",
    )
)
"""What a record may carry through `extra`; whatever else is given stays out of the file."""

OWN: Final = frozenset(
    (
        *("appliance", "eval", "firmware_checks", "installer", "models", "secure_compute", "tui"),
        "wardbox",
    )
)
"""Packages whose message templates are constants; other loggers may build theirs from content."""

REQUEST: Final[ContextVar[str]] = ContextVar("wardbox_request", default="")
"""The request that the running task or thread works for; set at the door, told in every line."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:/@*+-]{1,128}", re.ASCII)
_MAX_BYTES: Final = 10_000_000
_KEPT_FILES: Final = 5
_MAX_FRAMES: Final = 12
_MAX_TEMPLATE: Final = 200


class ContentFreeFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, the template, whitelisted fields, error frames.

    Arguments of a message, texts of exceptions and values with spaces never appear: a prompt, a name
    or a secret has no way in.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.partition(".")[0] in OWN and isinstance(record.msg, str):
            line["message"] = record.msg[:_MAX_TEMPLATE]
        for name in sorted(FIELDS & record.__dict__.keys()):
            value = record.__dict__[name]
            line[name] = value if _is_plain(value) else "(withheld)"
        request = REQUEST.get()
        if request and "request_id" not in line and _is_plain(request):
            line["request_id"] = request
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _told_error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)


def configure(layout: StateLayout, level: str = "info") -> logging.Handler:
    """Send all logging of this process to the log file, ten megabytes at a time, five kept.

    Args:
        layout: where the box keeps its state.
        level: "debug", "info", "warning" or "error", for the box's own loggers; others write
            warnings and errors only.

    Returns:
        The handler, for whoever wants to take it off again.
    """
    layout.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = _PrivateFile(
        layout.log_file, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8"
    )
    handler.setFormatter(ContentFreeFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _PrivateFile):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for package in OWN:
        logging.getLogger(package).setLevel(level.upper())
    # A full disk must not write its troubles with the log to the terminal of whoever looks.
    logging.raiseExceptions = False
    return handler


class _PrivateFile(RotatingFileHandler):
    """A rotating file that only its owner can read."""

    @override
    def _open(self) -> Any:
        handle = os.open(
            self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        return os.fdopen(handle, "a", encoding="utf-8")


def _is_plain(value: object) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def _told_error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    told: dict[str, Any] = {
        "type": type(error).__name__,
        "frames": [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames],
    }
    code = getattr(error, "code", None)
    if isinstance(code, str) and _is_plain(code):
        told["code"] = code
    return told
