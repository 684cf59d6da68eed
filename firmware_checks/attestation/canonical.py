"""A bounded reader of signed XML and its canonical form (W3C Canonical XML 1.1, no comments)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# Expat alone, without any handler for entities or document types: those are refused below.
from xml.parsers import expat

from firmware_checks.errors import EvidenceMalformed

MAX_BYTES: Final = 1024 * 1024
_MAX_ELEMENTS: Final = 4096
_MAX_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its name as written, its namespace and local name, its value."""

    name: str
    space: str
    local: str
    value: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element.

    Attributes:
        name: As written, with its prefix.
        space: Its namespace, may be empty.
        local: Its name without prefix.
        declared: Namespaces it declares: prefix -> URI.
        attributes: The others, in the order of the file.
        content: Texts and elements in order.
    """

    name: str
    space: str
    local: str
    declared: Mapping[str, str]
    attributes: tuple[Attribute, ...]
    content: list["Element | str"] = field(default_factory=list)

    def children(self, space: str, local: str) -> tuple["Element", ...]:
        """The child elements of this name."""
        return tuple(
            one
            for one in self.content
            if isinstance(one, Element) and (one.space, one.local) == (space, local)
        )

    def only(self, space: str, local: str) -> "Element":
        """The one child of this name; none or several are refused."""
        found = self.children(space, local)
        if len(found) != 1:
            raise EvidenceMalformed(reason=f"{len(found)} elements {local}")
        return found[0]

    def value(self, local: str, space: str = "") -> str:
        """The attribute of this name; a missing one is refused."""
        for one in self.attributes:
            if (one.space, one.local) == (space, local):
                return one.value
        raise EvidenceMalformed(reason=f"{self.local} has no {local}")

    @property
    def text(self) -> str:
        """Its texts, joined."""
        return "".join(one for one in self.content if isinstance(one, str))


class _Builder:
    """Collects what expat reads; raises on everything that a signed manifest does not need."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._scopes: list[dict[str, str]] = [{}]
        self._count = 0

    def start(self, name: str, pairs: list[str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS or len(self._open) >= _MAX_DEPTH:
            raise EvidenceMalformed(reason="the XML has too many or too deep elements")
        given = list(zip(pairs[::2], pairs[1::2], strict=True))
        declared = {
            key.removeprefix("xmlns").removeprefix(":"): value
            for key, value in given
            if key == "xmlns" or key.startswith("xmlns:")
        }
        scope = {**self._scopes[-1], **declared}
        rest = [pair for pair in given if pair[0].partition(":")[0] != "xmlns"]
        attributes = tuple(_attribute(key, value, scope) for key, value in rest)
        prefix, _, local = name.rpartition(":")
        element = Element(name, _space(prefix, scope), local, declared, attributes)
        if self._open:
            self._open[-1].content.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._scopes.append(scope)

    def end(self, name: str) -> None:
        del name
        self._open.pop()
        self._scopes.pop()

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1].content.append(data)

    def refuse(self, *_: Any) -> None:
        raise EvidenceMalformed(reason="the XML holds a document type or an instruction")


def _space(prefix: str, scope: Mapping[str, str]) -> str:
    if prefix and prefix not in scope:
        raise EvidenceMalformed(reason="the XML uses a prefix that it does not declare")
    return scope.get(prefix, "")


def _attribute(name: str, value: str, scope: Mapping[str, str]) -> Attribute:
    prefix, _, local = name.rpartition(":")
    if prefix == "xml":
        # Canonical XML 1.1 lets these be inherited; a manifest has none.
        raise EvidenceMalformed(reason="the XML has an attribute of the xml namespace")
    return Attribute(name, _space(prefix, scope) if prefix else "", local, value)


def read(data: bytes) -> Element:
    """The root element of a document of at most 1 MiB.

    Raises:
        EvidenceMalformed: No well-formed XML, too large, or with a document type, an instruction
            or an undeclared prefix.
    """
    if len(data) > MAX_BYTES:
        raise EvidenceMalformed(reason="the XML is too large")
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.ProcessingInstructionHandler = builder.refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        raise EvidenceMalformed(reason="it is not XML") from error
    if builder.root is None:  # pragma: no cover - expat refuses a document without a root
        raise EvidenceMalformed(reason="it is not XML")
    return builder.root


def canonical(
    element: Element,
    *,
    inherited: Mapping[str, str] | None = None,
    without: Element | None = None,
) -> bytes:
    """The canonical bytes of an element and all below it.

    Args:
        element: The apex.
        inherited: Namespaces its ancestors declare: an apex inside a document shows all in scope.
        without: An element that is left out with all below it (an enveloped signature).

    Returns:
        UTF-8 bytes.
    """
    apex = {**(inherited or {}), **element.declared}
    return "".join(_written(element, {}, apex, without)).encode()


def _written(
    element: Element,
    outer: Mapping[str, str],
    declared: Mapping[str, str],
    without: Element | None,
) -> Iterator[str]:
    """The element as canonical text; `outer` are the namespaces already shown around it."""
    shown = {prefix: uri for prefix, uri in declared.items() if outer.get(prefix, "") != uri}
    yield f"<{element.name}"
    for prefix in sorted(shown):
        name = f"xmlns:{prefix}" if prefix else "xmlns"
        yield f' {name}="{_quoted(shown[prefix])}"'
    for one in sorted(element.attributes, key=lambda one: (one.space, one.local)):
        yield f' {one.name}="{_quoted(one.value)}"'
    yield ">"
    around = {**outer, **shown}
    for entry in element.content:
        if isinstance(entry, str):
            yield _escaped(entry)
        elif entry is not without:
            yield from _written(entry, around, entry.declared, without)
    yield f"</{element.name}>"


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
    )


def _quoted(text: str) -> str:
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace('"', "&quot;")
        .replace("\t", "&#x9;")
        .replace("\n", "&#xA;")
        .replace("\r", "&#xD;")
    )
