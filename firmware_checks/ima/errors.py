"""What reading IMA's list refuses, each with a sentence and a way out."""

from firmware_checks.errors import FirmwareError


class ImaListMalformed(FirmwareError):
    """The bytes are not a list of IMA: `place` and `reason` in English."""

    code = "firmware.ima-list-malformed"
    zh = "IMA 度量列表在 {place} 处不合格式:{reason}。"
    en = "The list of IMA is malformed at {place}: {reason}."
    way_out_zh = "请从 /sys/kernel/security/ima/binary_runtime_measurements 重新复制该文件。"
    way_out_en = "Copy the file again from /sys/kernel/security/ima/binary_runtime_measurements."


class ImaListTooLarge(FirmwareError):
    """The list is above the bound: `size` and `limit` in bytes or entries (`unit`)."""

    code = "firmware.ima-list-too-large"
    zh = "IMA 度量列表过大:{size} {unit},上限为 {limit}。"
    en = "The list of IMA is too large: {size} {unit}, and the limit is {limit}."
    way_out_zh = "请收窄 IMA 策略(例如只度量可执行文件),然后重启。"
    way_out_en = "Narrow the IMA policy (to what is executed, say) and restart."


class ImaManifestMalformed(FirmwareError):
    """The file is no list of what may run: `reason` in English."""

    code = "firmware.ima-manifest-malformed"
    zh = "该文件不是可用的已知程序清单:{reason}。"
    en = "The file is no usable list of known programs: {reason}."
    way_out_zh = "请使用随版本发布的清单,或 sha256sum 的输出。"
    way_out_en = "Use the list that came with the release, or what sha256sum writes."
