"""What taking or reading a quote of the TPM refuses, each with a sentence and a way out."""

from firmware_checks.errors import FirmwareError


class QuoteMalformed(FirmwareError):
    """The bytes are not what a TPM signs as a quote: `reason` in English."""

    code = "firmware.quote-malformed"
    zh = "该证明不是 TPM 的 quote:{reason}。"
    en = "The evidence is no quote of a TPM: {reason}."
    way_out_zh = "请重新取得;若仍如此,TPM 或其驱动有问题,请联系厂商。"
    way_out_en = "Take it again; if it stays so, the TPM or its driver is at fault: ask the vendor."


class QuoteUnavailable(FirmwareError):
    """The TPM gives no quote: `reason` in English."""

    code = "firmware.quote-unavailable"
    zh = "TPM 未给出 quote:{reason}。"
    en = "The TPM gives no quote: {reason}."
    way_out_zh = "请启用 TPM 2.0,安装 tpm2-tss,并允许访问 /dev/tpmrm0(root 或 tss 组)。"
    way_out_en = "Enable TPM 2.0, install tpm2-tss, and let the program open /dev/tpmrm0 (root or group tss)."
