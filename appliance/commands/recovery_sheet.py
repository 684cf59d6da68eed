"""A sheet of paper for a recovery key or a share: groups with their checks, and a QR code of the same."""

import io
from html import escape
from typing import Final

_WIDTH: Final = 794  # A4 at 96 dots an inch
_HEIGHT: Final = 1123
_IN_A_ROW: Final = 4
_CODE: Final = 300


def sheet_svg(title: str, text: str, notes: tuple[str, ...]) -> str:
    """A page in SVG that any browser prints.

    Args:
        title: what it is.
        text: groups of signs, joined by dashes.
        notes: lines below: whose it is, of which box, what to do with it.
    """
    groups = text.split("-")
    rows = [groups[at : at + _IN_A_ROW] for at in range(0, len(groups), _IN_A_ROW)]
    parts = [_line(60, 90, 28, title, bold=True)]
    for number, row in enumerate(rows):
        parts.append(_line(60, 170 + 48 * number, 14, str(number * _IN_A_ROW + 1)))
        parts.append(_line(110, 170 + 48 * number, 30, "  ".join(row), mono=True))
    below = 190 + 48 * len(rows)
    parts.append(f'<g transform="translate(60 {below})">{_code(text)}</g>')
    for number, note in enumerate(notes):
        parts.append(_line(60, below + _CODE + 50 + 26 * number, 16, note))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"><rect width="100%" height="100%" fill="#fff"/>'
        + "".join(parts)
        + "</svg>\n"
    )


def terminal_code(text: str) -> str:
    """The QR code as lines for a terminal."""
    import segno  # noqa: PLC0415  # loaded when a sheet is made

    out = io.StringIO()
    segno.make(text, error="m").terminal(out, compact=True)
    return out.getvalue()


def _code(text: str) -> str:
    import segno  # noqa: PLC0415  # loaded when a sheet is made

    made = segno.make(text, error="m")
    scale = _CODE / made.symbol_size()[0]
    return made.svg_inline(scale=scale)


def _line(x: int, y: int, size: int, text: str, *, bold: bool = False, mono: bool = False) -> str:
    family = "monospace" if mono else "sans-serif"
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" font-family="{family}" font-size="{size}"{weight} '
        f'xml:space="preserve">{escape(text)}</text>'
    )
