"""Refusals of the vault beside locked and wrong secret: absent, damaged, unsupported."""

from appliance.errors import ApplianceError


class VaultAbsent(ApplianceError):
    """There is no vault in this state directory."""

    code = "vault.absent"
    zh = "{path} 里还没有保险库。"
    en = "There is no vault in {path}."
    way_out_zh = "请先运行 ./install.sh。"
    way_out_en = "Run ./install.sh first."


class VaultExists(ApplianceError):
    """A vault must never be made over another one."""

    code = "vault.exists"
    zh = "{path} 里已有保险库,不会覆盖。"
    en = "{path} already holds a vault; it is not overwritten."
    way_out_zh = "请解锁它,或选择另一个状态目录。"
    way_out_en = "Unlock it, or choose another state directory."


class WeakPassphrase(ApplianceError):
    """A passphrase that is too short to protect a vault."""

    code = "vault.weak-passphrase"
    zh = "口令至少要有 {minimum} 个字符。"
    en = "A passphrase has at least {minimum} characters."
    way_out_zh = "请换一个更长的口令,或让设备生成。"
    way_out_en = "Choose a longer one, or let the box make one."


class PassphraseUnfit(ApplianceError):
    """A passphrase that nobody could enter later."""

    code = "vault.passphrase-unfit"
    zh = "这个口令不可用:UTF-8 编码须在 {maximum} 字节以内,且为合法文字。"
    en = "This passphrase cannot be used: it has at most {maximum} bytes of UTF-8, and is text."
    way_out_zh = "请换一个较短的口令(一个汉字占三个字节)。"
    way_out_en = "Choose a shorter one; a Chinese character takes three bytes."


class VaultDamaged(ApplianceError):
    """The sealed keys cannot be read or do not agree with each other."""

    code = "vault.damaged"
    zh = "保险库的密钥文件 {path} 已损坏:{reason}。"
    en = "The key file {path} of the vault is damaged: {reason}."
    way_out_zh = "请从备份恢复 keys/ 目录。"
    way_out_en = "Restore the keys/ directory from a backup."


class VaultUnsupported(ApplianceError):
    """This machine lacks what encryption at rest needs; the box never runs unencrypted."""

    code = "vault.unsupported"
    zh = "这台机器无法加密存储:{reason_zh}。设备不会在未加密的情况下运行。"
    en = "This machine cannot encrypt at rest: {reason_en}. The box never runs unencrypted."
    way_out_zh = "{fix_zh}"
    way_out_en = "{fix_en}"


class MountFailed(ApplianceError):
    """The encrypted files could not be mounted."""

    code = "vault.mount-failed"
    zh = "加密文件目录无法挂载:{reason}。"
    en = "The encrypted files cannot be mounted: {reason}."
    way_out_zh = "请查看日志;确认 /dev/fuse 可用且没有程序占用 {path}。"
    way_out_en = "Look into the log; make sure that /dev/fuse works and no program uses {path}."


class CertificateBroken(ApplianceError):
    """The hospital's own certificate lies there and cannot be loaded."""

    code = "vault.certificate-broken"
    zh = "医院自己的证书 {path} 无法加载,暂时使用一体机自签的证书。"
    en = "The hospital's own certificate {path} cannot be loaded; the box shows its own meanwhile."
    way_out_zh = "请重新安装:wardbox certificate install;或移除:wardbox certificate remove。"
    way_out_en = (
        "Install it again (wardbox certificate install) or remove it (wardbox certificate remove)."
    )


class DeviceRefused(ApplianceError):
    """A device that was named for the vault is not taken; nothing was written to it."""

    code = "vault.device-refused"
    zh = "不能把 {device} 用作加密存储:{reason_zh}。没有写入任何内容。"
    en = "{device} cannot hold the vault: {reason_en}. Nothing was written to it."
    way_out_zh = (
        "请换一个空白的磁盘或分区;若其内容可以全部清除,请在应答文件中设置 storage_erase = true。"
    )
    way_out_en = (
        "Name a blank disk or partition; if everything on it may go, set storage_erase = true in the "
        "answers file."
    )


class ForeignDevice(ApplianceError):
    """The disk of this box is not there, or another one is in its place."""

    code = "vault.foreign-device"
    zh = "没有找到这台设备的加密磁盘(LUKS {uuid}):{reason_zh}。"
    en = "The encrypted disk of this box (LUKS {uuid}) was not found: {reason_en}."
    way_out_zh = "请接好原来的磁盘再解锁;若磁盘已损坏,请在新磁盘上从备份恢复。"
    way_out_en = (
        "Connect the disk that belongs to this box and unlock again; if it is broken, restore a "
        "backup on a new one."
    )


class HeaderDamaged(ApplianceError):
    """The LUKS header cannot be read or does not open; a copy of it lies beside the keys."""

    code = "vault.header-damaged"
    zh = "加密磁盘 {device} 的 LUKS 头已损坏。"
    en = "The LUKS header of the encrypted disk {device} is damaged."
    way_out_zh = "请运行 wardbox storage restore-header,把 {copy} 中的副本写回,然后再解锁。"
    way_out_en = "Run wardbox storage restore-header, which writes the copy in {copy} back, then unlock again."


class AreaFull(ApplianceError):
    """An area of the vault would go beyond its quota; nothing was written."""

    code = "vault.area-full"
    zh = "{area} 区的配额 {quota} GiB 已用完。"
    en = "The area {area} has used its quota of {quota} GiB."
    way_out_zh = "请移除不用的内容,或提高设置 [storage] 中的配额。"
    way_out_en = "Remove what nobody needs, or raise its quota in the settings, section [storage]."


class SpaceLow(ApplianceError):
    """The disk is nearly full: only answers and the log are written; nothing was changed."""

    code = "vault.space-low"
    zh = "磁盘仅剩 {gib} GiB,暂停接收文件、模型与任务;应答与审计照常。"
    en = "Only {gib} GiB of disk are free: files, models and jobs wait; answers and the log go on."
    way_out_zh = "请腾出空间或扩容(wardbox storage grow),之后自动恢复。"
    way_out_en = "Make room or enlarge the disk (wardbox storage grow); it goes on by itself then."


class KeyUnknown(ApplianceError):
    """A key that the box does not have."""

    code = "vault.key-unknown"
    zh = "没有密钥“{key}”。"
    en = "There is no key '{key}'."
    way_out_zh = "请运行 wardbox vault keys 查看全部密钥。"
    way_out_en = "Run wardbox vault keys for all keys."


class KeyFixed(ApplianceError):
    """A key that is never replaced on its own, with the reason."""

    code = "vault.key-fixed"
    zh = "密钥“{key}”不能单独轮换:{reason_zh}。"
    en = "The key '{key}' is not replaced on its own: {reason_en}."
    way_out_zh = "请轮换根密钥:wardbox vault rotate --root。它会重新封装这把密钥。"
    way_out_en = "Rotate the root key instead: wardbox vault rotate --root wraps this key anew."


class VaultErased(ApplianceError):
    """The keys of this box were destroyed on purpose."""

    code = "vault.erased"
    zh = "这台设备的密钥已按要求销毁,数据无法再读取。"
    en = "The keys of this box were destroyed on purpose; its data can never be read again."
    way_out_zh = "销毁证明在 {path};要重新使用这台设备,请清空状态目录后再安装。"
    way_out_en = (
        "The certificate of destruction is {path}; empty the state directory to install anew."
    )


class SubjectUnknown(ApplianceError):
    """Nothing of that name has a key of its own."""

    code = "vault.subject-unknown"
    zh = "没有为“{subject}”单独保管的密钥,因此没有可销毁的内容。"
    en = "'{subject}' has no key of its own, so there is nothing to destroy."
    way_out_zh = "请核对名称或编号。"
    way_out_en = "Check the name or number."


class SubjectErased(ApplianceError):
    """A key that was destroyed on purpose: what it locked is gone for good."""

    code = "vault.subject-erased"
    zh = "“{subject}”的密钥已于 {when} 销毁,内容无法再读取。"
    en = "The key of '{subject}' was destroyed on {when}; its content can never be read again."
    way_out_zh = "销毁证明记录在审计日志中;新的内容请使用新的名称。"
    way_out_en = (
        "The audit record holds the certificate of destruction; use another name for new content."
    )
