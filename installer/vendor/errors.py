"""Refusals of the vendor's side: keys, models and bundles that cannot be used."""

from installer.errors import InstallerError


class VendorKeysExist(InstallerError):
    """A folder that holds keys already."""

    code = "vendor.keys-exist"
    zh = "{folder} 中已有密钥,不会覆盖。"
    en = "{folder} already holds keys; they are not overwritten."
    way_out_zh = "请选择一个空文件夹。"
    way_out_en = "Choose an empty folder."


class VendorKeysUnusable(InstallerError):
    """Keys that are missing, damaged, or sealed with another passphrase."""

    code = "vendor.keys-unusable"
    zh = "密钥无法使用:{reason_zh}。"
    en = "The keys cannot be used: {reason_en}."
    way_out_zh = "请核对文件夹与口令。"
    way_out_en = "Check the folder and the passphrase."


class VendorPassphraseWeak(InstallerError):
    """A passphrase too short to keep signing keys."""

    code = "vendor.weak-passphrase"
    zh = "口令至少 {minimum} 个字符。"
    en = "A passphrase has at least {minimum} characters."
    way_out_zh = "请换一个更长的口令。"
    way_out_en = "Choose a longer one."


class VendorBundleInvalid(InstallerError):
    """A model or a folder that no bundle can be made of."""

    code = "vendor.bundle-invalid"
    zh = "无法制作更新包:{reason_zh}。"
    en = "The bundle cannot be made: {reason_en}."
    way_out_zh = "请更正后重试。"
    way_out_en = "Correct it and try again."
