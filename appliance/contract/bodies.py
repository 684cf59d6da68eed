"""Wire types of bodies: what stands behind an entry of the record, and forgetting a patient."""

from typing import Annotated

from pydantic import ConfigDict, Field

from appliance.contract.base import Identifier, Wire

Patient = Annotated[str, Field(min_length=1, max_length=128, repr=False)]


class BodyText(Wire):
    """One text: `bytes` is its whole length, `cut` says that only its beginning is kept.

    A whole text has the entry's hash: SHA-256 of the salt and the text, in UTF-8.
    """

    text: str
    bytes: int
    cut: bool


class BodyView(Wire):
    """The texts behind an entry; `extract` is what was taken from the patient's record."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "index": 41,
                    "receipt": "rcp_0193abcdef01000000000000000000",
                    "patient": None,
                    "salt": "0" * 64,
                    "prompt": {"text": "{}", "bytes": 2, "cut": False},
                    "answer": {"text": "...", "bytes": 3, "cut": False},
                    "extract": None,
                }
            ]
        }
    )

    index: int
    receipt: str
    patient: str | None
    salt: str
    prompt: BodyText | None
    answer: BodyText | None
    extract: BodyText | None


class ForgetWish(Wire):
    """Whom to forget for good, as requests named them; `confirm` repeats it."""

    patient: Patient
    confirm: Patient
    approval: Identifier | None = None
