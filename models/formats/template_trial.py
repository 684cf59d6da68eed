"""The trial run of a chat template, in a forked child with caps on time, memory and output."""

import os
import resource
import select
import signal
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jinja2 import Environment, TemplateError, nodes
from jinja2.exceptions import SecurityError

if TYPE_CHECKING:
    from types import CodeType

MAX_OUTPUT_CHARS: Final = 1 << 20
_CPU_SECONDS: Final = 0.5
_WALL_SECONDS: Final = 10.0
_MEMORY_BYTES: Final = 256 << 20
_FINE: Final = b"+"
_BAD: Final = b"-"
_VERDICTS: Final = {_FINE: None, b"s": "template-syntax", b"n": "template-nesting"}

_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "dose",
        "description": "Computes a dose.",
        "parameters": {"type": "object", "properties": {"weight": {"type": "number"}}},
    },
}
_MESSAGES: Final = [
    {"role": "system", "content": "You write admission notes."},
    {"role": "user", "content": "右眼白内障,入院手术。"},
    {"role": "assistant", "content": "<think>ok</think>好的。"},
    {"role": "user", "content": "请写主诉。"},
]
_CASES: Final[tuple[dict[str, Any], ...]] = (
    {"messages": _MESSAGES, "add_generation_prompt": True},
    {"messages": _MESSAGES[1:2], "add_generation_prompt": False},
    {"messages": _MESSAGES, "add_generation_prompt": True, "tools": [_TOOL]},
)


class _RaisedByTemplateError(Exception):
    """What `raise_exception` in a template becomes."""


def try_template(environment: Environment, tree: nodes.Template) -> str | None:
    """Compiles a template and renders it on sample conversations, in a child process.

    A fork costs a millisecond or two and lets the kernel enforce the caps, which nothing inside
    the interpreter can: one filter call may allocate gigabytes before any Python code runs again.
    Compiling counts constants out, so it happens there as well. The child runs only this module
    and leaves with `_exit`.

    Args:
        environment: The sandbox that parsed the template.
        tree: The parsed template.

    Returns:
        None when every run ended within the caps (also with the template's own error), else the
        name of the broken rule.
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        _child(environment, tree, send)
    os.close(send)
    try:
        ready, _, _ = select.select([receive], [], [], _WALL_SECONDS)
        answer = os.read(receive, 1) if ready else b""
    finally:
        os.close(receive)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return _VERDICTS.get(answer, "template-run")


def _child(environment: Environment, tree: nodes.Template, send: int) -> NoReturn:
    try:
        _limit()
        os.write(send, _tried(environment, tree))
    finally:
        os._exit(0)


def _tried(environment: Environment, tree: nodes.Template) -> bytes:
    try:
        code = environment.compile(tree, "<chat template>")
    except SecurityError:
        return _BAD
    except (TemplateError, SyntaxError, ValueError, OverflowError):
        return b"s"
    except RecursionError:
        return b"n"
    except MemoryError:
        return _BAD
    return _FINE if all(_render(environment, code, case) for case in _CASES) else _BAD


def _limit() -> None:
    # CPU time and not wall time, so that a busy machine refuses nothing.
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_SECONDS)
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  (nothing else is imported here)
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY_BYTES, used + _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _render(environment: Environment, code: "CodeType", case: dict[str, Any]) -> bool:
    def raise_exception(message: object = "") -> NoReturn:
        raise _RaisedByTemplateError(message)

    functions = {
        "raise_exception": raise_exception,
        "strftime_now": lambda pattern="": str(pattern)[:32],
        "bos_token": "<s>",
        "eos_token": "</s>",
    }
    written = 0
    try:
        template = environment.template_class.from_code(
            environment, code, environment.make_globals(functions)
        )
        for part in template.generate(**case):
            written += len(part)
            if written > MAX_OUTPUT_CHARS:
                return False
    except (SecurityError, MemoryError, RecursionError, OverflowError):
        return False
    except (TemplateError, _RaisedByTemplateError, ArithmeticError, LookupError):
        return True
    except (TypeError, ValueError, AttributeError):
        # The template does not fit these sample messages; that is a nuisance, not a danger.
        return True
    return True
