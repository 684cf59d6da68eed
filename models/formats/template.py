"""Chat templates under suspicion: parsed, walked and tried out under caps before any engine.

A chat template is a Jinja program that comes with the weights. Engines run it for every request,
so it is held to what laying out messages needs: an allow-list of syntax, filters and functions,
no private attribute, no huge loop, and a trial run with limits on time, memory and output
(CVE-2024-34359, CVE-2024-2952).
"""

from collections.abc import Iterator
from typing import Final, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from typing_extensions import override

from models.formats.refusals import TemplateHostile, quoted
from models.formats.template_trial import try_template

MAX_BYTES: Final = 64 << 10
# The longest known templates (gpt-oss, Llama 4) have under 20 kB and 2,000 nodes.
_MAX_NODES: Final = 8_000
_MAX_NESTING: Final = 40
_MAX_NUMBER: Final = 1_000_000
_MAX_RANGE: Final = 10_000

_ALLOWED_NODES: Final = frozenset(
    [
        "Template",
        "Output",
        "TemplateData",
        "For",
        "If",
        "Macro",
        "CallBlock",
        "Scope",
        "With",
        "Assign",
        "AssignBlock",
        "ExprStmt",
        "FilterBlock",
        "Name",
        "NSRef",
        "Const",
        "List",
        "Tuple",
        "Dict",
        "Pair",
        "Keyword",
        "Getattr",
        "Getitem",
        "Slice",
        "Call",
        "Filter",
        "Test",
        "CondExpr",
        "Concat",
        "Compare",
        "Operand",
        "And",
        "Or",
        "Not",
        "Neg",
        "Pos",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "FloorDiv",
        "Mod",
        "Break",
        "Continue",
    ]
)
_ALLOWED_FILTERS: Final = frozenset(
    [
        "abs",
        "batch",
        "bool",
        "capitalize",
        "count",
        "d",
        "default",
        "dictsort",
        "escape",
        "e",
        "first",
        "float",
        "forceescape",
        "from_json",
        "indent",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "safe",
        "select",
        "selectattr",
        "slice",
        "sort",
        "string",
        "sum",
        "title",
        "tojson",
        "trim",
        "unique",
        "upper",
        "wordcount",
    ]
)
_ALLOWED_FUNCTIONS: Final = frozenset(
    {"range", "namespace", "dict", "raise_exception", "strftime_now", "caller"}
)
_FORBIDDEN_NAMES: Final = frozenset({"self", "lipsum", "cycler", "joiner", "config", "request"})
# Methods that read attributes from a format string, and the doors from an object to its code.
_FORBIDDEN_ATTRIBUTES: Final = frozenset(
    [
        "format",
        "format_map",
        "mro",
        "gi_frame",
        "gi_code",
        "cr_frame",
        "cr_code",
        "ag_frame",
        "ag_code",
        "func_globals",
        "func_code",
        "func_closure",
        "im_func",
        "im_self",
        "f_globals",
        "f_locals",
        "f_builtins",
        "tb_frame",
        "tb_next",
        "co_code",
    ]
)


class GenerationTag(Extension):
    """Accepts `{% generation %}`, with which training marks the assistant's words."""

    tags = {"generation"}  # noqa: RUF012  (jinja2 declares it as an instance variable)

    @override
    def parse(self, parser: Parser) -> nodes.Node:
        """Keeps the body and drops the mark."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which reaching for what is forbidden is an error and not only nothing."""

    @override
    def unsafe_undefined(self, obj: object, attribute: str) -> NoReturn:
        """Ends the trial: a name may be put together where no reader of the source sees it."""
        raise SecurityError(f"access to attribute {attribute!r}")


def environment() -> ImmutableSandboxedEnvironment:
    """The sandbox in which templates are parsed and tried, with the options of transformers."""
    return _Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        extensions=[loopcontrols, GenerationTag],
        cache_size=0,
    )


def check_template(source: str) -> None:
    """Refuses a chat template that does more than lay out messages.

    Args:
        source: The Jinja source as stored in the model.

    Raises:
        TemplateHostile: It is too big, does not parse, uses syntax, attributes, filters or
            constants outside the allow-list, or breaks the caps of its trial run.
    """
    size = len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise TemplateHostile.by("template-size", count=size)
    sandbox = environment()
    try:
        tree = sandbox.parse(source)
        macros = {macro.name for macro in tree.find_all(nodes.Macro)}
        for number, (node, depth) in enumerate(_walk(tree)):
            if number > _MAX_NODES:
                raise TemplateHostile.by("template-size", count=size)
            _check_node(node, depth, macros)
    except (TemplateError, SyntaxError, ValueError, OverflowError) as error:
        raise TemplateHostile.by("template-syntax") from error
    except (RecursionError, MemoryError) as error:
        raise TemplateHostile.by("template-nesting", count="too many") from error
    verdict = try_template(sandbox, tree)
    if verdict is not None:
        raise TemplateHostile.by(verdict, count="too many")


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        # A chain of `elif`, of `~` or of calls nests deeply in the tree but not for a reader.
        step = int(isinstance(node, nodes.For | nodes.If | nodes.Macro | nodes.CallBlock))
        stack.extend((child, depth + step) for child in node.iter_child_nodes())


def _check_node(node: nodes.Node, depth: int, macros: set[str]) -> None:
    kind = type(node).__name__
    if kind not in _ALLOWED_NODES:
        raise TemplateHostile.by("template-node", name=kind)
    if depth > _MAX_NESTING:
        raise TemplateHostile.by("template-nesting", count=depth)
    match node:
        case nodes.Getattr():
            _check_attribute(node.attr)
        case nodes.Filter():
            _check_filter(node)
        case nodes.Const():
            _check_constant(node.value)
        case nodes.Name():
            _check_name(node.name)
        case nodes.Call():
            _check_call(node, macros)
        case _:
            pass


def _check_attribute(name: str) -> None:
    if name.startswith("_") or name in _FORBIDDEN_ATTRIBUTES:
        raise TemplateHostile.by("template-attribute", name=quoted(name))


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in _ALLOWED_FILTERS:
        raise TemplateHostile.by("template-node", name=f"|{quoted(node.name)}")


def _check_constant(value: object) -> None:
    if isinstance(value, str) and value.startswith("__"):
        raise TemplateHostile.by("template-attribute", name=quoted(value))
    if isinstance(value, int | float) and abs(value) > _MAX_NUMBER:
        raise TemplateHostile.by("template-constant")


def _check_name(name: str) -> None:
    if name.startswith("__") or name in _FORBIDDEN_NAMES:
        raise TemplateHostile.by("template-node", name=quoted(name))


def _check_call(node: nodes.Call, macros: set[str]) -> None:
    if not isinstance(node.node, nodes.Name):
        return
    name = node.node.name
    if name not in _ALLOWED_FUNCTIONS | macros:
        raise TemplateHostile.by("template-node", name=f"{quoted(name)}()")
    for argument in node.args if name == "range" else ():
        value = argument.value if isinstance(argument, nodes.Const) else 0
        if isinstance(value, int) and abs(value) > _MAX_RANGE:
            raise TemplateHostile.by("template-range")
