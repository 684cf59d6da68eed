"""From bodies to what the wire carries."""

from appliance.bodies.shape import Kept
from appliance.contract.bodies import BodyText, BodyView
from appliance.disclosure.service import Disclosed


def body_view(found: Disclosed) -> BodyView:
    """A body with the entry that it stands behind."""
    body = found.body
    return BodyView(
        index=found.entry.index,
        receipt=body.receipt,
        patient=body.patient,
        salt=body.salt.hex(),
        prompt=_text(body, "prompt"),
        answer=_text(body, "answer"),
        extract=_text(body, "extract"),
    )


def _text(body: Kept, name: str) -> BodyText | None:
    text = body.texts.get(name)
    if text is None:
        return None
    cut = name in body.cut
    # A text that was cut may end in the middle of a character.
    shown = text.decode(errors="ignore" if cut else "replace")
    return BodyText(text=shown, bytes=body.sizes[name], cut=cut)
