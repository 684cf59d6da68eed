"""Refusals of the vendor's side: keys, models and bundles that cannot be used."""

from installer.errors import InstallerError


class VendorError(InstallerError):
    """A refusal by the vendor's tools; nothing was signed."""

    code = "vendor"
    zh = "操作未完成。"
    en = "It was not done."
    way_out_zh = "请按上面的说明更正后重试。"
    way_out_en = "Correct what is named above and try again."


class VendorFolderTaken(VendorError):
    """A folder that must be empty is not."""

    code = "vendor.folder-taken"
    zh = "{folder} 不是空目录,不会覆盖。"
    en = "{folder} is not empty and is not overwritten."
    way_out_zh = "请选择一个空目录。"
    way_out_en = "Choose an empty folder."


class VendorFolderUnusable(VendorError):
    """A folder that is no vendor's folder, or a damaged one."""

    code = "vendor.folder-unusable"
    zh = "{path} 无法使用:{reason_zh}。"
    en = "{path} cannot be used: {reason_en}."
    way_out_zh = "请先运行 wardbox vendor init,或从备份恢复。"
    way_out_en = "Run wardbox vendor init first, or restore it from a backup."


class VendorKeyUnusable(VendorError):
    """A key that is missing, damaged, sealed with another passphrase, or of another role."""

    code = "vendor.key-unusable"
    zh = "密钥 {path} 无法使用:{reason_zh}。"
    en = "The key {path} cannot be used: {reason_en}."
    way_out_zh = "请核对密钥文件与口令。"
    way_out_en = "Check the key file and the passphrase."


class VendorRoleRefused(VendorError):
    """A role that nobody could sign for any more."""

    code = "vendor.role-refused"
    zh = "角色 {role} 的签名门限 {threshold} 与其 {keys} 个密钥不符。"
    en = "The role {role} would need {threshold} signatures and have {keys} keys."
    way_out_zh = "门限应为 1 至密钥个数;请先添加密钥或降低门限。"
    way_out_en = "A threshold is 1 to the number of keys: add a key or lower the threshold first."


class VendorSignaturesMissing(VendorError):
    """A role that too few of its keys have signed."""

    code = "vendor.signatures-missing"
    zh = "签名不足:{told}。"
    en = "Signatures are missing: {told}."
    way_out_zh = "请其他密钥保管人对上述草稿运行 wardbox vendor sign,取回后再次 build。"
    way_out_en = "Have others sign these drafts with wardbox vendor sign, then build again."


class VendorPassphraseWeak(VendorError):
    """A passphrase too short to keep signing keys."""

    code = "vendor.weak-passphrase"
    zh = "口令至少 {minimum} 个字符。"
    en = "A passphrase has at least {minimum} characters."
    way_out_zh = "请换一个更长的口令。"
    way_out_en = "Choose a longer one."


class VendorPassphraseMissing(VendorError):
    """No passphrase came, or two that differ."""

    code = "vendor.no-passphrase"
    zh = "没有得到口令:{reason_zh}。"
    en = "There is no passphrase: {reason_en}."
    way_out_zh = "请在终端输入,或用 --passphrase-file 指定文件。"
    way_out_en = "Type it at the terminal, or name a file with --passphrase-file."


class VendorModelRefused(VendorError):
    """A model or card that no box would take."""

    code = "vendor.model-refused"
    zh = "模型不能收入:{reason_zh}"
    en = "The model cannot be added: {reason_en}"


class VendorPackageRefused(VendorError):
    """A package that no box would read."""

    code = "vendor.package-refused"
    zh = "软件包不能收入:{reason_zh}。"
    en = "The package cannot be added: {reason_en}."


class VendorLogFormRefused(VendorError):
    """A release that changes the audit log so that one before it could not go on with it."""

    code = "vendor.log-form"
    zh = "版本 {version} 改变审计日志的方式使之前的版本无法承接:{reason}。"
    en = "Release {version} changes the audit log so that one before it could not go on: {reason}."
    way_out_zh = "日志从不回退:只可增列、增表、增索引(见 docs/operate/updates.md)。"
    way_out_en = "The log is never put back: add columns, tables and indexes alone (docs/operate/updates.md)."


class VendorNothingToShip(VendorError):
    """A bundle without content."""

    code = "vendor.nothing-to-ship"
    zh = "还没有可发布的内容。"
    en = "There is nothing to ship yet."
    way_out_zh = "请先运行 wardbox vendor add 或 add-model。"
    way_out_en = "Run wardbox vendor add or add-model first."


class VendorArgumentRefused(VendorError):
    """A time or a number on the command line that makes no sense."""

    code = "vendor.argument-refused"
    zh = "参数 {name} 不可接受:{reason_zh}。"
    en = "The argument {name} is not acceptable: {reason_en}."


class VendorDiskRefused(VendorError):
    """A file that cannot be read or written."""

    code = "vendor.disk-refused"
    zh = "文件读写失败({path}:{reason})。"
    en = "A file cannot be read or written ({path}: {reason})."
    way_out_zh = "请检查路径、权限与剩余空间。"
    way_out_en = "Check path, permissions and free space."
