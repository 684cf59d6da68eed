"""Every refusal of the appliance: a code, a sentence and a way out, in Chinese and English."""


class ApplianceError(Exception):
    """A refusal by the appliance.

    Subclasses fill the templates; `facts` given at the raise fill the placeholders.
    """

    code = "appliance"
    zh = ""
    en = ""
    way_out_zh = ""
    way_out_en = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence)

    @property
    def sentence_zh(self) -> str:
        """The Chinese sentence alone."""
        return self.zh.format(**self.facts)

    @property
    def sentence_en(self) -> str:
        """The English sentence alone."""
        return self.en.format(**self.facts)

    @property
    def sentence(self) -> str:
        """Both sentences, Chinese first."""
        return f"{self.sentence_zh} {self.sentence_en}"

    @property
    def way_out(self) -> str:
        """What to do next, Chinese first."""
        return f"{self.way_out_zh.format(**self.facts)} {self.way_out_en.format(**self.facts)}"


class AuditUnavailable(ApplianceError):
    """The audit log cannot be written: what needed a record was not done."""

    code = "audit.unavailable"
    zh = "审计日志暂时无法写入({reason}),因此拒绝了这次操作。"
    en = "The audit log cannot be written ({reason}), so this was refused."
    way_out_zh = "请检查磁盘空间;恢复后自动继续,无需重启。"
    way_out_en = (
        "Check the disk space; the box goes on by itself once it can write, without a restart."
    )


class AuditEntryUnknown(ApplianceError):
    """There is no such entry in the log."""

    code = "audit.entry-unknown"
    zh = "审计日志没有 {what}。"
    en = "The audit log has no {what}."
    way_out_zh = "请核对编号;wardbox audit tail 列出最近的记录。"
    way_out_en = "Check the number; wardbox audit tail lists the latest entries."


class VaultLocked(ApplianceError):
    """What was asked needs the vault open."""

    code = "vault.locked"
    zh = "保险库已锁定。"
    en = "The vault is locked."
    way_out_zh = "请运行 wardbox vault unlock。"
    way_out_en = "Run wardbox vault unlock."


class WrongSecret(ApplianceError):
    """The secret opens no slot of the vault. The sentence is the same whatever was wrong."""

    code = "vault.wrong-secret"
    zh = "口令或恢复密钥不正确。"
    en = "The passphrase or recovery key is wrong."
    way_out_zh = "请核对后重试;连续出错会逐渐延长等待时间。"
    way_out_en = "Check it and try again; each failure makes the wait longer."


class VaultBackoff(ApplianceError):
    """Too many wrong secrets: the next try has to wait."""

    code = "vault.backoff"
    zh = "连续输错,请在 {seconds} 秒后再试。"
    en = "Too many wrong secrets: wait {seconds} seconds before the next try."
    way_out_zh = "等待后重试,或使用恢复密钥。"
    way_out_en = "Wait and try again, or use the recovery key."
