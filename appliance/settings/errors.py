"""Refusals of the settings: unknown keys, bad values, an unreadable file."""

from appliance.errors import ApplianceError


class SettingUnknown(ApplianceError):
    """A settings file or an environment variable names a setting that does not exist."""

    code = "settings.unknown-key"
    zh = "没有名为 {key} 的设置(见 {source})。"
    en = "There is no setting named {key} (in {source})."
    way_out_zh = "最接近的是 {nearest};全部设置见 docs/reference/settings.md。"
    way_out_en = "The nearest one is {nearest}; all of them stand in docs/reference/settings.md."


class SettingInvalid(ApplianceError):
    """A setting has a value of the wrong type or outside its bounds."""

    code = "settings.invalid-value"
    zh = "设置 {key} 的值不可用:{reason}(见 {source})。"
    en = "The value of the setting {key} cannot be used: {reason} (in {source})."
    way_out_zh = "请改正 {source} 中的这一项:{meaning}"
    way_out_en = "Correct it in {source}: {meaning}"


class SettingsUnreadable(ApplianceError):
    """The settings file is not TOML in UTF-8, or may not be read."""

    code = "settings.unreadable"
    zh = "设置文件 {source} 无法读取:{reason}。"
    en = "The settings file {source} cannot be read: {reason}."
    way_out_zh = "请检查文件的写法与权限,或运行 ./install.sh 重新生成。"
    way_out_en = (
        "Check how it is written and who may read it, or run ./install.sh to make it again."
    )
