"""Settings of the vault: which TPM, and what a TPM slot is sealed to when nobody says otherwise."""

from typing import Annotated

from pydantic import StringConstraints

from appliance.settings.field import Section, told

_TCTI = r"^(device|swtpm|mssim|tabrmd|cmd)(:[^\x00-\x1f\x7f]{0,200})?$"


class VaultSettings(Section):
    """How the vault is opened without a person."""

    tpm: Annotated[str, StringConstraints(pattern=_TCTI)] = told(
        "device:/dev/tpmrm0",
        "TPM 的访问方式(tpm2-tss 的 TCTI 写法)。",
        "How the TPM is reached, as tpm2-tss names it (TCTI).",
        max_length=240,
    )
