"""The reference pages of routes and of refusals, written from the code itself."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute

import appliance
import eval as eval_package
import firmware_checks
import models
import secure_compute
from appliance.api.deps import Permit
from appliance.api.dialects.table import DIALECTS
from appliance.api.hot.asking import SCOPE
from appliance.api.problems import status_of

_PACKAGES: Final = (appliance, eval_package, models, secure_compute, firmware_checks)
_OPEN: Final = "—"


def routes_markdown(routers: Iterable[APIRouter]) -> str:
    """`docs/reference/routes.md`: every path, what it asks of its caller, and what it does."""
    rows = sorted({*_cold(routers), *_hot()})
    lines = [f"| `{path}` | {method} | {scope} | {told} |" for path, method, scope, told in rows]
    return "\n".join(
        (
            "# 接口路径 Routes",
            "",
            "由代码生成。Written from the code; `tests/appliance/api/test_reference.py` holds them equal.",
            "Every path but `GET /api/v1/system/health` (and unlocking on the box itself) needs",
            "`Authorization: Bearer <key or session token>`; the Unix socket is the local console and",
            "needs none. Errors are problem+json (RFC 9457): see errors.md.",
            "",
            "| path | method | scope | what it does |",
            "|---|---|---|---|",
            *lines,
            "",
        )
    )


def errors_markdown() -> str:
    """`docs/reference/errors.md`: every refusal with its status, sentence and way out."""
    lines = [
        f"| `{kind.code}` | {status_of(kind.code).value} | {_cell(kind.zh)} {_cell(kind.en)} "
        f"| {_cell(kind.way_out_zh)} {_cell(kind.way_out_en)} |"
        for kind in refusals()
    ]
    return "\n".join(
        (
            "# 拒绝与出路 Refusals",
            "",
            "由代码生成。Written from the code; `tests/appliance/api/test_reference.py` holds them equal.",
            "The status is what the API answers; commands exit with 1 and print sentence and way out.",
            "",
            "| code | status | sentence | way out |",
            "|---|---|---|---|",
            *lines,
            "",
        )
    )


def refusals() -> list[Any]:
    """Every concrete refusal of every package, by code."""
    found: dict[str, Any] = {}
    for module in _error_modules():
        kinds: list[Any] = [kind for _, kind in inspect.getmembers(module, inspect.isclass)]
        for kind in kinds:
            if kind.__module__ == module.__name__ and getattr(kind, "zh", ""):
                found[f"{kind.code} {kind.__qualname__}"] = kind
    return [found[name] for name in sorted(found)]


def _error_modules() -> Iterator[ModuleType]:
    for package in _PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("errors"):
                yield importlib.import_module(module.name)


def _cold(routers: Iterable[APIRouter]) -> Iterator[tuple[str, str, str, str]]:
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                told = inspect.getdoc(route.endpoint) or ""
                yield route.path, ", ".join(sorted(route.methods or ())), _scope(route), _cell(told)


def _scope(route: APIRoute) -> str:
    scopes = [d.call.scope for d in route.dependant.dependencies if isinstance(d.call, Permit)]
    return f"`{scopes[0]}`" if scopes else _OPEN


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _hot() -> Iterator[tuple[str, str, str, str]]:
    for one in DIALECTS.values():
        yield one.path, "POST", f"`{SCOPE}`", _cell(f"{one.summary} With a receipt.")
