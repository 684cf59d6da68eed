"""What the firmware checks refuse, each with a code, a sentence and a way out."""


class FirmwareError(Exception):
    """A refusal by the firmware checks: a code, a sentence and a way out, in Chinese and English.

    Attributes:
        code: Dotted name that never changes, for machines.
        zh: The sentence in Chinese, a format string over the facts.
        en: The sentence in English, a format string over the facts.
        way_out_zh: What to do, in Chinese.
        way_out_en: What to do, in English.
        facts: The values the sentences are filled with.
    """

    code = "firmware"
    zh = "固件检查出错。"
    en = "The firmware checks failed."
    way_out_zh = "请查看日志。"
    way_out_en = "See the log."

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The sentence in both languages, Chinese first."""
        return f"{self.zh.format(**self.facts)} {self.en.format(**self.facts)}"

    @property
    def way_out(self) -> str:
        """What to do, in both languages, Chinese first."""
        return f"{self.way_out_zh.format(**self.facts)} {self.way_out_en.format(**self.facts)}"


class EventLogMalformed(FirmwareError):
    """The bytes are not a TCG event log: `offset` in bytes, `reason` in English."""

    code = "firmware.event-log-malformed"
    zh = "TPM 事件日志在第 {offset} 字节处不合格式:{reason}。"
    en = "The TPM event log is malformed at byte {offset}: {reason}."
    way_out_zh = "请从 /sys/kernel/security/tpm0/binary_bios_measurements 重新复制该文件。"
    way_out_en = "Copy the file again from /sys/kernel/security/tpm0/binary_bios_measurements."


class EventLogTooLarge(FirmwareError):
    """The log is above the bound: `size` and `limit` in bytes or events (`unit`)."""

    code = "firmware.event-log-too-large"
    zh = "TPM 事件日志过大:{size} {unit},上限为 {limit}。"
    en = "The TPM event log is too large: {size} {unit}, and the limit is {limit}."
    way_out_zh = "请确认该文件确为 TPM 事件日志。"
    way_out_en = "Make sure that the file is a TPM event log."


class EventLogUnreadable(FirmwareError):
    """The file with the log cannot be read: `path` and `reason`."""

    code = "firmware.event-log-unreadable"
    zh = "无法读取文件 {path}:{reason}。"
    en = "The file {path} cannot be read: {reason}."
    way_out_zh = "请检查路径与权限;读取本机日志需要 root。"
    way_out_en = "Check the path and its permissions; the log of this machine is read as root."


class RootUnusable(FirmwareError):
    """The root to check is no directory: `root`."""

    code = "firmware.root-unusable"
    zh = "{root} 不是可读取的目录。"
    en = "{root} is not a directory that can be read."
    way_out_zh = "请给出一台机器的根目录,例如 --root /。"
    way_out_en = "Give the root directory of a machine, for example --root /."


class CheckUnknown(FirmwareError):
    """No check has this name: `check_id`."""

    code = "firmware.check-unknown"
    zh = "没有名为 {check_id} 的检查。"
    en = "There is no check named {check_id}."
    way_out_zh = "运行 wardbox firmware list 查看全部检查。"
    way_out_en = "Run wardbox firmware list to see all checks."


class ReportUnwritable(FirmwareError):
    """The report cannot be written: `path` and `reason`."""

    code = "firmware.report-unwritable"
    zh = "无法写入报告 {path}:{reason}。"
    en = "The report {path} cannot be written: {reason}."
    way_out_zh = "请检查目录是否存在、磁盘是否有空间。"
    way_out_en = "Make sure that the folder exists and that the disk has room."


class BaselineMalformed(FirmwareError):
    """The bytes are not a golden baseline: `reason` in English."""

    code = "firmware.baseline-malformed"
    zh = "该文件不是合格的固件基线:{reason}。"
    en = "The file is not a firmware baseline: {reason}."
    way_out_zh = "请用 wardbox firmware baseline capture 重新生成,或向厂商索取。"
    way_out_en = "Write it anew with wardbox firmware baseline capture, or ask the vendor for it."


class BaselineUnreadable(FirmwareError):
    """The file with the baseline cannot be read: `path` and `reason`."""

    code = "firmware.baseline-unreadable"
    zh = "无法读取基线文件 {path}:{reason}。"
    en = "The baseline file {path} cannot be read: {reason}."
    way_out_zh = "请检查路径与权限。"
    way_out_en = "Check the path and its permissions."


class BaselineOther(FirmwareError):
    """The baseline is not the one that was asked for: `digest` and `wanted`."""

    code = "firmware.baseline-other"
    zh = "基线的摘要是 {digest},而不是所要求的 {wanted}。"
    en = "The digest of the baseline is {digest}, not {wanted} as demanded."
    way_out_zh = "请改用摘要相符的文件;若文件被改动,请查明原因。"
    way_out_en = "Use the file with that digest; if it was changed, find out by whom."


class BaselineUncapturable(FirmwareError):
    """The machine does not tell what a baseline needs: `what` in English."""

    code = "firmware.baseline-uncapturable"
    zh = "无法从本机生成基线:{what}。"
    en = "No baseline can be taken from this machine: {what}."
    way_out_zh = "请以 root 在有 TPM 2.0 的机器上运行。"
    way_out_en = "Run it as root on a machine with a TPM 2.0."


class EvidenceMalformed(FirmwareError):
    """A GPU's report, certificate or manifest cannot be read: `reason` in English."""

    code = "firmware.evidence-malformed"
    zh = "GPU 证明材料不合格式:{reason}。"
    en = "The evidence of a GPU is malformed: {reason}."
    way_out_zh = "请向厂商索取完整的文件。"
    way_out_en = "Ask the vendor for complete files."


class EvidenceRefused(FirmwareError):
    """A signature or a chain of certificates does not hold: `reason` in English."""

    code = "firmware.evidence-refused"
    zh = "GPU 证明材料不可信:{reason}。"
    en = "The evidence of a GPU does not hold: {reason}."
    way_out_zh = "请保留文件并联系厂商。"
    way_out_en = "Keep the files and ask the vendor."
