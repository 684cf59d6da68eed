"""Refusals of the other ways to open the root key: shares, TPM, key server, key file."""

from typing_extensions import override

from secure_compute.errors import SecureComputeError


class ShareMistyped(SecureComputeError):
    """The text of a share that cannot be one."""

    code = "secure.share-mistyped"
    zh = "第 {place} 份密钥份额输入有误:{reason_zh}。"
    en = "Share {place} of those entered is mistyped: {reason}."
    way_out_zh = "请持有人对照纸质记录核对该处;大小写、空格不影响。"
    way_out_en = "Let its holder compare it with the paper; case and spaces do not matter."


class SharesUnfit(SecureComputeError):
    """Shares that do not make a key together."""

    code = "secure.shares-unfit"
    zh = "这些密钥份额合不成密钥:{reason_zh}。"
    en = "These shares make no key: {reason}."
    way_out_zh = "请集齐同一套中足够数量、互不相同的份额。"
    way_out_en = "Bring together enough different shares of one set."


class SharesTooFew(SharesUnfit):
    """Shares that are good as far as they go; `progress` tells how far, from 0 to 1."""

    code = "secure.shares-too-few"
    zh = "密钥份额还不够:需要 {needed} 份,已有 {here} 份(这套共 {count} 份)。"
    en = "More shares are needed: {needed} are needed, {here} are here (the set has {count})."
    way_out_zh = "请下一位持有人输入自己的份额。"
    way_out_en = "Let the next holder enter theirs."


class TpmUnavailable(SecureComputeError):
    """No TPM, or one that does not answer as it must."""

    code = "secure.tpm-unavailable"
    zh = "TPM 不可用:{reason_zh}。"
    en = "The TPM cannot be used: {reason}."
    way_out_zh = (
        "请在固件设置中启用 TPM 2.0,并允许本服务访问 /dev/tpmrm0;期间可用口令或恢复密钥解锁。"
    )
    way_out_en = (
        "Enable TPM 2.0 in the firmware setup and let this service open /dev/tpmrm0; the passphrase "
        "or the recovery key opens the box meanwhile."
    )


class TpmLockedOut(SecureComputeError):
    """The TPM refuses because of too many failures."""

    code = "secure.tpm-locked-out"
    zh = "TPM 因失败次数过多而锁定。"
    en = "The TPM has locked itself after too many failures."
    way_out_zh = "请用口令或恢复密钥解锁;TPM 过一段时间会自行恢复。"
    way_out_en = (
        "Unlock with the passphrase or the recovery key; the TPM recovers by itself in time."
    )


class TpmPolicyFailed(SecureComputeError):
    """The machine's measurements are not those that the key was sealed to.

    Where it is known, the fact `changed` holds lines about what was measured then and what is now.
    """

    code = "secure.tpm-policy"
    zh = "机器的启动度量与封装时不同:{registers}。"
    en = "The machine did not start as it did when the key was sealed: {registers}."
    way_out_zh = (
        "若是预期的固件或启动设置变更,请用口令或恢复密钥解锁,再运行 wardbox vault slots reseal。"
    )
    way_out_en = (
        "If firmware or boot settings were changed on purpose, unlock with the passphrase or the "
        "recovery key and run wardbox vault slots reseal."
    )

    @property
    @override
    def sentence(self) -> str:
        """What went wrong, Chinese first, and a line for each change."""
        changed = self.facts.get("changed", ())
        lines = map(str, changed) if isinstance(changed, tuple) else ()
        return "\n".join((super().sentence, *lines))


class TpmReplaced(SecureComputeError):
    """Another TPM, or one that was cleared: what was sealed to the old one is gone."""

    code = "secure.tpm-replaced"
    zh = "这不是封装时的 TPM,或它已被清除。"
    en = "This is not the TPM that the key was sealed to, or it was cleared."
    way_out_zh = "请用口令或恢复密钥解锁,再运行 wardbox vault slots reseal。"
    way_out_en = (
        "Unlock with the passphrase or the recovery key, then run wardbox vault slots reseal."
    )


class NetworkSlotRefused(SecureComputeError):
    """A key server whose advertisement or answer cannot be trusted."""

    code = "secure.network-slot"
    zh = "网络密钥服务器的应答不可用:{reason_zh}。"
    en = "The answer of the key server cannot be used: {reason}."
    way_out_zh = "请在服务器上用 tang-show-keys 核对指纹;期间可用口令或恢复密钥解锁。"
    way_out_en = (
        "Compare the thumbprint with tang-show-keys on the server; the passphrase or the recovery "
        "key opens the box meanwhile."
    )


class KeyFileMalformed(SecureComputeError):
    """A file that is no key file of a box."""

    code = "secure.key-file-malformed"
    zh = "这不是可用的密钥文件:{reason_zh}。"
    en = "This is no key file that can be used: {reason}."
    way_out_zh = "请使用添加该开启方式时写出的文件。"
    way_out_en = "Use the file that was written when the slot was added."
