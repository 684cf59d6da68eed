"""Text from the box made inert: no control character, escape or bidi mark reaches the terminal.

What a model wrote, a patient is called or an audit entry holds may be hostile. Escapes are shown as
visible signs instead of being removed, so that whoever reads an audit entry sees that one was there.
Markup is harmless elsewhere: nothing from the box is ever handed to a markup parser.
"""

import re

# Cc, Cf, Cs, Zl and Zp of Unicode 15, without newline and tab; private use stays, because hospitals
# still carry rare names there.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u115f\u1160\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff]"
)
# Variation selectors choose a glyph and have no width of their own: the sign before them stays.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# More than three combining marks on one sign pile up over the lines around it.
_PILE = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_PICTURES = 0x2400
_REPLACEMENT = "\ufffd"
_LAST_C0 = 0x1F


def inert_lines(text: object, longest: int = 100_000) -> str:
    """`text` as the terminal may show it, with its line breaks; at most `longest` characters."""
    shown = str(text)
    if len(shown) > longest:
        shown = shown[:longest] + "…"
    shown = shown.replace("\r\n", "\n").replace("\t", "    ")
    shown = _PILE.sub(r"\1", _SELECTORS.sub("", shown))
    return _UNSAFE.sub(_picture, shown)


def inert(text: object, longest: int = 400) -> str:
    """`text` as one line that the terminal may show; a line break becomes a visible sign."""
    return inert_lines(text, longest).replace("\n", "⏎")


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    return chr(_PICTURES + code) if code <= _LAST_C0 else _REPLACEMENT
