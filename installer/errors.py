"""Refusals of the installer: each a code, a sentence and a way out, in Chinese and English."""


class InstallerError(Exception):
    """A refusal by the installer, worded for a hospital technician."""

    code = "install"
    zh = "安装未能继续。"
    en = "The installation cannot go on."
    way_out_zh = "请查看上面的输出后再次运行 ./install.sh。"
    way_out_en = "Read the output above, then run ./install.sh again."

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """What is wrong, Chinese first."""
        return f"{self.zh.format(**self.facts)} {self.en.format(**self.facts)}"

    @property
    def way_out(self) -> str:
        """What to do about it, Chinese first."""
        return f"{self.way_out_zh.format(**self.facts)} {self.way_out_en.format(**self.facts)}"


class AnswersInvalid(InstallerError):
    """The answers file cannot be used."""

    code = "install.answers-invalid"
    zh = "应答文件 {path} 无法使用:{reason}。"
    en = "The answers file {path} cannot be used: {reason}."
    way_out_zh = "可用的键见 docs/operate/install.md;改正后重新运行。"
    way_out_en = "docs/operate/install.md lists the keys; correct the file and run again."


class NotFit(InstallerError):
    """The machine lacks something the box cannot do without."""

    code = "install.machine-not-fit"
    zh = "这台机器还不能安装 WardBox:\n{findings_zh}"
    en = "\nThis machine cannot carry WardBox yet:\n{findings_en}"
    way_out_zh = "逐条处理后重新运行 ./install.sh。"
    way_out_en = "Mend each line, then run ./install.sh again."


class PackagesMissing(InstallerError):
    """System packages are missing and we may not install them."""

    code = "install.packages-missing"
    zh = "缺少系统软件包,而当前用户不是 root:{names}。"
    en = "System packages are missing and this user is not root: {names}."
    way_out_zh = "请管理员运行:apt-get install -y {names}"
    way_out_en = "Ask an administrator to run the command above."


class CommandFailed(InstallerError):
    """A program that a step runs ended with an error."""

    code = "install.command-failed"
    zh = "命令失败(退出码 {status}):{command}\n{tail}"
    en = "A command failed (exit status {status}): {command}"
    way_out_zh = "完整输出在 {log};排除原因后重新运行,已完成的步骤会跳过。"
    way_out_en = (
        "Its whole output is in {log}; mend the cause and run again: finished steps are skipped."
    )


class ProgramMissing(InstallerError):
    """A program that a step runs is not on this machine."""

    code = "install.program-missing"
    zh = "找不到程序 {program}。"
    en = "The program {program} is not on this machine."
    way_out_zh = "请安装它(Debian:apt-get install {program}),再运行一次。"
    way_out_en = "Install it (Debian: apt-get install {program}) and run again."


class SourceChanged(InstallerError):
    """A downloaded source is not the one that was pinned."""

    code = "install.source-changed"
    zh = "{name} 的校验和不是预期值,已拒绝使用。"
    en = "{name} does not have the pinned digest and was refused."
    way_out_zh = "删除 {path} 后重试;若仍不符,请勿继续并联系供应商。"
    way_out_en = "Delete {path} and try again; if it still differs, stop and call the vendor."


class AlreadyRunning(InstallerError):
    """Another installation works on the same state directory."""

    code = "install.already-running"
    zh = "另一个安装进程正在使用 {state}。"
    en = "Another installation is working on {state}."
    way_out_zh = "等它结束,或结束该进程后重试。"
    way_out_en = "Wait for it, or end that process, then try again."


class ServiceSilent(InstallerError):
    """The service was started but does not answer."""

    code = "install.service-silent"
    zh = "服务已启动,但 {seconds} 秒内没有应答。{reason}"
    en = "The service was started but did not answer within {seconds} s. {reason}"
    way_out_zh = "查看 {log},然后重新运行 ./install.sh。"
    way_out_en = "Look at {log}, then run ./install.sh again."


class SmokeFailed(InstallerError):
    """The box is up, but its first note failed."""

    code = "install.smoke-failed"
    zh = "箱子已启动,但试写的入院记录没有通过检查:{reason}"
    en = "The box is up, but the trial admission note did not pass: {reason}"
    way_out_zh = "查看 {log},然后重新运行 ./install.sh。"
    way_out_en = "Look at {log}, then run ./install.sh again."


class NotConfirmed(InstallerError):
    """Removing a box needs an explicit yes."""

    code = "install.not-confirmed"
    zh = "未确认,未删除任何内容。"
    en = "Not confirmed; nothing was removed."
    way_out_zh = "要删除 {state} 及其中全部数据,请加 --yes。"
    way_out_en = "To remove {state} and all data in it, add --yes."


class BoxRefused(InstallerError):
    """The box itself refused what a step asked of it; its own words are passed on."""

    code = "install.box-refused"
    zh = "一体机拒绝了这一步:"
    en = "{told}"
    way_out_zh = "{advice}"
    way_out_en = ""


class SystemRefused(InstallerError):
    """The operating system refused: disk full, no permission, a read-only place."""

    code = "install.system-refused"
    zh = "系统拒绝了对 {path} 的操作:{reason}。"
    en = "The system refused an operation on {path}: {reason}."
    way_out_zh = "请检查磁盘空间与权限,或用 --state 换一个目录;再次运行会从中断处继续。"
    way_out_en = "Check space and permissions, or choose --state; run again to go on from here."


class EngineUnknown(InstallerError):
    """An engine that there is no list of versions for."""

    code = "install.engine-unknown"
    zh = "没有引擎 {flavour}。"
    en = "There is no engine {flavour}."
    way_out_zh = "可安装的有:{known}。"
    way_out_en = "These can be installed: {known}."


class EngineRoomMissing(InstallerError):
    """Too little disk for an engine's environment."""

    code = "install.engine-room"
    zh = "{place} 空间不足:需要 {needed} GiB,可用 {free} GiB。"
    en = "{place} has too little room: {needed} GiB needed, {free} GiB free."
    way_out_zh = "请清理磁盘,或把 XDG_CACHE_HOME 指向更大的磁盘后重试。"
    way_out_en = "Make room, or point XDG_CACHE_HOME at a larger disk, and run it again."


class TpmRefused(InstallerError):
    """The TPM that was asked for does not take the vault's key."""

    code = "install.tpm-refused"
    zh = "无法把保险库密钥封装到 TPM:{reason}"
    en = "The vault's key cannot be sealed to the TPM."
    way_out_zh = '请在固件设置中启用 TPM 2.0,或在应答文件中写 tpm = "none"。'
    way_out_en = (
        'Enable TPM 2.0 in the firmware setup, or write tpm = "none" into the answers file.'
    )
