"""What people call the slots, who added them and when each was used: a notebook without secrets."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Final

from appliance.settings.layout import StateLayout
from appliance.vault.keyfile import write_private
from secure_compute.canonical import canonical_bytes, parse_canonical
from secure_compute.errors import SecureComputeError

FORMAT: Final = "wardbox-slot-book/1"
_MAX_BYTES: Final = 1 << 20
_LATEST: Final = 253_402_300_800
"""The year 10,000: no calendar goes beyond it."""


@dataclass(frozen=True, slots=True)
class SlotNote:
    """The entry of one slot; times are Unix seconds.

    Args:
        label: what people call it.
        created: when it was added; None for those of the vault's first day.
        created_by: who added it.
        used: when it last opened the vault.
        tested: when it was last tried without opening.
        measured: what the firmware had measured when a TPM slot was sealed: lines "PCR n: words".
    """

    label: str = ""
    created: int | None = None
    created_by: str = ""
    used: int | None = None
    tested: int | None = None
    measured: tuple[str, ...] = ()


class SlotBook:
    """Reads and writes the notebook; a damaged one is an empty one, for nothing depends on it.

    Args:
        layout: where the box keeps its state.
    """

    def __init__(self, layout: StateLayout) -> None:
        self._path = layout.slot_book

    def read(self) -> dict[str, SlotNote]:
        """The entries by slot id."""
        try:
            value = parse_canonical(self._path.read_bytes()[:_MAX_BYTES])
            if not isinstance(value, dict) or value.get("format") != FORMAT:
                return {}
            return {name: _parse(entry) for name, entry in value["slots"].items()}
        except (OSError, SecureComputeError, KeyError, TypeError, AttributeError, ValueError):
            return {}

    def note(self, slot_id: str, **changes: object) -> None:
        """Change the entry of a slot."""
        notes = self.read()
        notes[slot_id] = replace(notes.get(slot_id, SlotNote()), **changes)  # type: ignore[arg-type]
        self._write(notes)

    def forget(self, slot_id: str) -> None:
        """Remove the entry of a slot."""
        notes = self.read()
        if notes.pop(slot_id, None) is not None:
            self._write(notes)

    def _write(self, notes: Mapping[str, SlotNote]) -> None:
        slots = {
            name: {**asdict(note), "measured": list(note.measured)} for name, note in notes.items()
        }
        # Nothing depends on it: on a full disk the vault opens, and a new secret is shown, all the same.
        with suppress(OSError):
            write_private(self._path, canonical_bytes({"format": FORMAT, "slots": slots}))


def _parse(entry: dict[str, object]) -> SlotNote:
    measured = entry.get("measured")
    note = SlotNote(**{**entry, "measured": ()})  # type: ignore[arg-type]  # judged below
    times = (note.created, note.used, note.tested)
    texts = (note.label, note.created_by)
    if not all(one is None or (type(one) is int and 0 <= one < _LATEST) for one in times):
        raise ValueError
    if not all(isinstance(one, str) for one in texts) or not isinstance(measured, list):
        raise TypeError
    return replace(note, measured=tuple(str(line)[:300] for line in measured[:200]))
