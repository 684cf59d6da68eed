"""A GGUF model in several files, as `llama-gguf-split` cuts it: all parts together are one model.

Each part is a GGUF file of its own. The first holds the metadata of the model, all hold the keys
`split.no`, `split.count` and `split.tensors.count`, and llama.cpp finds the others by name.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from models.formats.gguf import GgufHeader, parse_gguf
from models.formats.gguf_model import SPLIT_COUNT, SPLIT_NUMBER, split_number
from models.formats.refusals import FolderRefused, GgufMalformed, quoted
from models.formats.view import FileView, open_view

_NAME: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
_TENSORS: Final = "split.tensors.count"
_MOST: Final = 4_096


def is_part(header: GgufHeader) -> bool:
    """Whether a file holds only a part of its model."""
    number = split_number(header.metadata, SPLIT_NUMBER)
    return number > 0 or split_number(header.metadata, SPLIT_COUNT) > 1


def read_whole(path: Path) -> GgufHeader:
    """Reads the header of a GGUF model; where `path` is a part of one, of all parts together.

    Raises:
        FileUnreadable: A file cannot be read.
        FolderRefused: A part is missing.
        GgufMalformed: A file is malformed, or the parts do not fit together.
        TemplateHostile: The chat template does more than lay out messages.
    """
    with open_view(path) as view:
        return parse_whole(view, path)


def parse_whole(view: FileView, path: Path) -> GgufHeader:
    """Like `read_whole`, for a file that is open; the other parts are looked for beside it."""
    header = parse_gguf(view)
    if not is_part(header):
        return header
    headers = {path.name: header}
    for name in _names(path.name, header):
        place = path.with_name(name)
        if name != path.name and place.exists():
            with open_view(place) as other:
                headers[name] = parse_gguf(other)
    return join_parts(headers)


def join_parts(headers: Mapping[str, GgufHeader]) -> GgufHeader:
    """Judges the GGUF files of one model together.

    Args:
        headers: The checked header of each, by file name; at least one.

    Returns:
        The only header; or the first part's, with the tensors and bytes of all parts.

    Raises:
        FolderRefused: A part is missing.
        GgufMalformed: These are several models, or the parts do not fit together.
    """
    first = min(headers)
    if not is_part(headers[first]):
        if len(headers) > 1:
            raise GgufMalformed.by("limit", what="GGUF files", count=len(headers), limit=1)
        return headers[first]
    names = _names(first, headers[first])
    for stranger in sorted(headers.keys() - set(names)):
        raise GgufMalformed.by("part", name=quoted(stranger))
    for name in names:
        if name not in headers:
            raise FolderRefused.by("missing", name=quoted(first), target=quoted(name))
    for number, name in enumerate(names):
        told = headers[name].metadata
        if (split_number(told, SPLIT_NUMBER), split_number(told, SPLIT_COUNT)) != (
            number,
            len(names),
        ):
            raise GgufMalformed.by("part", name=quoted(name))
    return _joined([headers[name] for name in names], names)


def _names(name: str, header: GgufHeader) -> list[str]:
    """The names of all parts, in order, as engines make them up from that of one."""
    found = _NAME.fullmatch(Path(name).name)
    count = split_number(header.metadata, SPLIT_COUNT)
    if found is None or int(found.group(3)) != count or not 1 < count <= _MOST:
        raise GgufMalformed.by("part", name=quoted(name))
    folder = name[: len(name) - len(found.group(0))]
    return [f"{folder}{found.group(1)}-{n:05}-of-{count:05}.gguf" for n in range(1, count + 1)]


def _joined(headers: list[GgufHeader], names: list[str]) -> GgufHeader:
    tensors = [tensor for header in headers for tensor in header.tensors]
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            raise GgufMalformed.by("tensor-duplicate", name=quoted(tensor.name))
        seen.add(tensor.name)
    if split_number(headers[0].metadata, _TENSORS) != len(tensors):
        raise GgufMalformed.by("part", name=quoted(names[0]))
    size = sum(header.size for header in headers)
    return replace(headers[0], tensors=tuple(tensors), size=size)
