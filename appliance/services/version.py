"""Which edition of the box this is, and of the rules that its answers pass."""

from typing import Final

VERSION: Final = "0.1.0"
POLICY: Final = "1"
"""Version of the rules that an answer passed; receipts name it."""
