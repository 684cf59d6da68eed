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
