"""Settings of the vault: its suite of algorithms, and how its TPM is reached."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from appliance.settings.field import Section, told

_TCTI = r"^(device|swtpm|mssim|tabrmd|cmd)(:[^\x00-\x1f\x7f]{0,200})?$"


class VaultSettings(Section):
    """The suite of the vault, and how it is opened without a person."""

    suite: Literal["international", "sm"] = told(
        "international",
        "新密钥的封装算法:international 为 AES-256-GCM,sm 为商用密码 SM4-GCM(证明另加 SM2 签名);两者均可读取。",
        "What new keys are wrapped with: international is AES-256-GCM, sm is SM4-GCM of Chinese commercial "
        "cryptography (certificates carry an SM2 signature too); both are read.",
    )

    tpm: Annotated[str, StringConstraints(pattern=_TCTI)] = told(
        "device:/dev/tpmrm0",
        "TPM 的访问方式(tpm2-tss 的 TCTI 写法)。",
        "How the TPM is reached, as tpm2-tss names it (TCTI).",
        max_length=240,
    )
