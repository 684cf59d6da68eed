"""The lines of a batch: JSON Lines, each an own request, judged before anything is asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from appliance.batches.shape import BatchFault
from appliance.errors import ApplianceError

MOST_LINES: Final = 50_000
LONGEST_LINE: Final = 1_048_576
_MOST_FAULTS: Final = 100
_REASON: Final = 200
Open = Callable[[], BinaryIO]
"""Opens a file for reading from its beginning."""


class Wish(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """One line, as OpenAI's batches have it."""

    custom_id: Annotated[str, Meta(min_length=1, max_length=256)]
    method: Literal["POST"]
    url: str
    body: Raw


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch; `number` counts from 1."""

    number: int
    custom_id: str
    body: bytes


_DECODER: Final = msgspec.json.Decoder(Wish)


def read_lines(source: Open) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that hold something, with their numbers; long ones are cut."""
    with source() as stream:
        number = 0
        while raw := stream.readline(LONGEST_LINE + 2):
            number += 1
            if raw.strip():
                yield number, raw


def read_line(number: int, raw: bytes, endpoint: str) -> Line:
    """Read one line. Raises ValueError with a sentence that says what is wrong."""
    if len(raw) > LONGEST_LINE + 1:
        message = f"行过长 the line is longer than {LONGEST_LINE} bytes"
        raise ValueError(message)
    try:
        wish = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = "".join(c if c.isprintable() else "?" for c in str(error)[:_REASON])
        raise ValueError(message) from None
    if wish.url != endpoint:
        message = f"url 与批处理的 endpoint 不同 the url is not the batch's endpoint {endpoint}"
        raise ValueError(message)
    return Line(number, wish.custom_id, bytes(wish.body))


def judge_lines(
    source: Open, endpoint: str, judge: Callable[[str, bytes], None]
) -> tuple[int, tuple[BatchFault, ...]]:
    """Judge every line of a file.

    Args:
        source: Opens the file.
        endpoint: The path that every line goes to.
        judge: Judges one body as the route itself would; raises ApplianceError.

    Returns:
        How many lines there are, and what is wrong (the first hundred faults).
    """
    faults: list[BatchFault] = []
    seen: set[str] = set()
    count = 0
    for number, raw in read_lines(source):
        count += 1
        if count > MOST_LINES:
            faults.append(BatchFault("batch.too-many-lines", f"> {MOST_LINES}", number))
            break
        fault = _fault_of(number, raw, endpoint, judge, seen)
        if fault is not None:
            faults.append(fault)
        if len(faults) >= _MOST_FAULTS:
            break
    if not count:
        faults.append(BatchFault("batch.empty", "文件没有请求 the file holds no request"))
    return count, tuple(faults)


def _fault_of(
    number: int,
    raw: bytes,
    endpoint: str,
    judge: Callable[[str, bytes], None],
    seen: set[str],
) -> BatchFault | None:
    try:
        line = read_line(number, raw, endpoint)
        judge(endpoint, line.body)
    except ValueError as error:
        return BatchFault("batch.line-malformed", str(error), number)
    except ApplianceError as error:
        return BatchFault(error.code, error.sentence, number)
    if line.custom_id in seen:
        message = "custom_id 重复 this custom_id stands twice"
        return BatchFault("batch.custom-id-twice", message, number)
    seen.add(line.custom_id)
    return None
