"""Refusals of offline updates: what is wrong with a stick, with its signatures, or with the clock."""

from appliance.errors import ApplianceError


class UpdateError(ApplianceError):
    """A refusal of an update; the box is as it was."""

    code = "update"
    zh = "更新被拒绝。"
    en = "The update was refused."
    way_out_zh = "一体机未被改动。请向供应商索取新的更新介质。"
    way_out_en = "The box is unchanged. Ask the vendor for a new stick."


class NoTrustRoot(UpdateError):
    """No vendor is trusted yet."""

    code = "update.no-trust-root"
    zh = "尚未导入供应商的信任根。"
    en = "No vendor's trust root has been imported yet."
    way_out_zh = "请运行 wardbox update trust ROOT.json,并与供应商电话核对指纹。"
    way_out_en = "Run wardbox update trust ROOT.json and compare the fingerprint with the vendor."


class TrustRootRefused(UpdateError):
    """A file offered as trust root is none, or does not follow from the one that is trusted."""

    code = "update.root-refused"
    zh = "信任根不可接受:{reason_zh}。"
    en = "The trust root is not acceptable: {reason_en}."
    way_out_zh = "当前信任根未变。请向供应商核对该文件。"
    way_out_en = "The trust root in force is unchanged. Check the file with the vendor."


class TrustDamaged(UpdateError):
    """The box's own record of what it trusts cannot be read."""

    code = "update.trust-damaged"
    zh = "本机的信任记录 {path} 已损坏:{reason_zh}。"
    en = "This box's own trust record {path} is damaged: {reason_en}."
    way_out_zh = "请从备份恢复该文件;在此之前不接受任何更新。"
    way_out_en = "Restore that file from a backup; until then no update is accepted."


class ClockBehind(UpdateError):
    """The clock shows a time that is certainly past."""

    code = "update.clock-behind"
    zh = "系统时钟({now})早于已知时间({floor}),无法判断更新是否过期。"
    en = (
        "The clock ({now}) is behind a time known to be past ({floor}), so expiry cannot be judged."
    )
    way_out_zh = "请校准系统时间(timedatectl set-time)后重试。"
    way_out_en = "Set the system time (timedatectl set-time) and try again."


class RecordDoubtful(UpdateError):
    """This machine remembers more than its disk: what the box accepted before is not known."""

    code = "update.record-doubtful"
    zh = "本机曾接受过哪些版本已不可信:{reason_zh}。"
    en = "Which versions this box accepted before is in doubt: {reason_en}."
    way_out_zh = (
        "若刚刚合法恢复过,请运行 wardbox audit witness renew 后重试;否则请保留磁盘并通知审计员。"
    )
    way_out_en = (
        "After a lawful restore run wardbox audit witness renew and try again; else keep the disks as "
        "they are and tell the auditor."
    )


class BundleMissing(UpdateError):
    """There is no bundle at that place."""

    code = "update.bundle-missing"
    zh = "{directory} 中没有更新包:{reason_zh}。"
    en = "There is no update bundle in {directory}: {reason_en}."
    way_out_zh = "请确认介质已挂载,并给出包含 metadata 与 targets 的目录。"
    way_out_en = (
        "Make sure the stick is mounted and name the folder that holds metadata and targets."
    )


class StickUnreadable(UpdateError):
    """The stick cannot be read, or was pulled out."""

    code = "update.stick-unreadable"
    zh = "读取更新介质时出错({name}:{reason})。"
    en = "The stick could not be read ({name}: {reason})."
    way_out_zh = "请重新插入介质后再试;已校验的部分会保留并续传。"
    way_out_en = "Insert the stick again and retry; what was verified is kept and the copy goes on."


class MetadataRefused(UpdateError):
    """A metadata file is malformed, incomplete or not what its signer signed."""

    code = "update.metadata-refused"
    zh = "更新包的元数据 {name} 不可接受:{reason_zh}。"
    en = "The bundle's metadata {name} is not acceptable: {reason_en}."


class SignatureRefused(UpdateError):
    """Metadata is not signed by enough of the keys that this box trusts."""

    code = "update.signature-refused"
    zh = "更新包的签名不可信({name})。"
    en = "The bundle's signatures are not trusted ({name})."
    way_out_zh = "一体机未被改动。请确认介质来自已信任的供应商,并妥善保留它以备调查。"
    way_out_en = (
        "The box is unchanged. Make sure the stick is from the trusted vendor; keep it as evidence."
    )


class BundleExpired(UpdateError):
    """Signed long ago: it may hide that something newer exists."""

    code = "update.expired"
    zh = "更新包已过期({name})。"
    en = "The bundle has expired ({name})."
    way_out_zh = (
        "一体机未被改动。请向供应商索取新的更新介质;若它确为最新,可由两人批准后使用"
        "(wardbox approval request update.take-expired)。"
    )
    way_out_en = (
        "The box is unchanged. Ask the vendor for a new stick; if this is the newest there is, two "
        "people may take it (wardbox approval request update.take-expired)."
    )


class OverrideRefused(UpdateError):
    """An expired bundle is not for one person to take."""

    code = "update.override-refused"
    zh = "使用已过期的更新包需要两位不同的人员共同批准。"
    en = "To take an expired bundle, two different people must approve."
    way_out_zh = "请由另一位有权限的人员批准。"
    way_out_en = "Have a second person who may do so approve it."


class BundleRolledBack(UpdateError):
    """Older than what this box has already accepted."""

    code = "update.rolled-back"
    zh = "更新包比本机已接受的版本旧({name})。"
    en = "The bundle is older than what this box has accepted already ({name})."
    way_out_zh = "一体机未被改动。请使用最新的更新介质。"
    way_out_en = "The box is unchanged. Use the newest stick."


class BundleEmpty(UpdateError):
    """Nothing on the stick that this box could use."""

    code = "update.nothing-inside"
    zh = "更新包签名有效,但其中没有本机可用的内容。"
    en = "The bundle is properly signed, but holds nothing that this box can use."


class ContentRefused(UpdateError):
    """A file on the stick is missing, is not the signed one, or may not have that name."""

    code = "update.content-refused"
    zh = "更新包中的文件 {name} 不可接受:{reason_zh}。"
    en = "The file {name} of the bundle is not acceptable: {reason_en}."


class BaseMissing(UpdateError):
    """A package goes on from an earlier one that this box does not have, or has no longer whole."""

    code = "update.base-missing"
    zh = "软件包 {package} 是增量包,本机缺少它所依据的旧版本内容。"
    en = "The package {package} is a delta, and this box does not have what it starts from."
    way_out_zh = "一体机未被改动。请向供应商索取完整的更新包。"
    way_out_en = "The box is unchanged. Ask the vendor for a full bundle."


class WrongBox(UpdateError):
    """A package that is licensed to another box."""

    code = "update.wrong-box"
    zh = "更新 {name} 只授权给设备 {wanted},本机为 {box}。"
    en = "The package {name} is licensed to the box {wanted}; this one is {box}."
    way_out_zh = "一体机未被改动。请向供应商索取本机的更新介质。"
    way_out_en = "The box is unchanged. Ask the vendor for a stick for this box."


class WrongHardware(UpdateError):
    """A package for machines of another class."""

    code = "update.wrong-hardware"
    zh = "更新 {name} 适用于硬件 {wanted},本机为 {found}。"
    en = "The package {name} is for hardware of the class {wanted}; this machine is {found}."


class LogFormRefused(UpdateError):
    """A release would change the audit log in a way that the one that runs could not go on with."""

    code = "update.log-form"
    zh = "版本 {version} 要改变审计日志的存储形式,当前版本无法承接({step})。"
    en = "Release {version} would change the form of the audit log so that the one that runs could not go on with it ({step})."
    way_out_zh = "未作任何改动:日志从不回退。请供应商先发布能读写新形式的版本。"
    way_out_en = (
        "Nothing was changed: the log is never put back. Ask the vendor for a release in between"
        " that can go on with the new form."
    )


class WrongRelease(UpdateError):
    """A package that follows other releases of the software than the one that runs."""

    code = "update.wrong-release"
    zh = "更新 {name} 须在软件版本 {wanted} 之后安装,本机为 {release}。"
    en = "The package {name} follows the releases {wanted}; this box runs {release}."
    way_out_zh = "一体机未被改动。请先安装中间版本。"
    way_out_en = "The box is unchanged. Install the releases between first."


class NothingBefore(UpdateError):
    """A package that has no version to go back to."""

    code = "update.nothing-before"
    zh = "{name} 没有可退回的上一版本。"
    en = "{name} has no version before this one to go back to."
    way_out_zh = "一体机未被改动。wardbox update status 列出可退回的内容。"
    way_out_en = "The box is unchanged. `wardbox update status` lists what can go back."


class UpdateInterrupted(UpdateError):
    """The box was asked to stop in the middle of an update, or a person cancelled it."""

    code = "update.interrupted"
    zh = "更新被中断。"
    en = "The update was interrupted."
    way_out_zh = "一体机未被改动;已复制的部分会保留,再次应用即从中断处继续。"
    way_out_en = (
        "The box is unchanged; what was copied is kept: apply again and it goes on from there."
    )


class LicenceMissing(UpdateError):
    """A package is sealed for another box."""

    code = "update.licence-missing"
    zh = "软件包 {package} 已加密,只许可给另一台一体机。"
    en = "The package {package} is sealed for another box: this one has no key for it."
    way_out_zh = (
        "请把 wardbox update status 给出的本机接收者 (age1...) 交给供应商,并索取新的更新包。"
    )
    way_out_en = (
        "Give the vendor this box's recipient (age1...), which wardbox update status tells."
    )


class DiskFull(UpdateError):
    """No room to take the bundle in."""

    code = "update.disk-full"
    zh = "磁盘空间不足:需要 {needed} 字节,可用 {free} 字节。"
    en = "The disk is full: {needed} bytes needed, {free} bytes free."
    way_out_zh = "请移除不用的模型或扩容后重试;一体机未被改动。"
    way_out_en = "Remove unused models or add space, then try again; the box is unchanged."


class DiskRefused(UpdateError):
    """The box's own disk failed while the bundle was taken in."""

    code = "update.disk-refused"
    zh = "写入本机磁盘时出错:{reason}。"
    en = "The box's own disk failed: {reason}."
    way_out_zh = "一体机未被改动。请检查磁盘后重试。"
    way_out_en = "The box is unchanged. Check the disk and try again."


class UpdateBusy(UpdateError):
    """Another update is going on."""

    code = "update.busy"
    zh = "另一个更新正在进行。"
    en = "Another update is going on."
    way_out_zh = "请等它结束后重试。"
    way_out_en = "Wait for it to end, then try again."
