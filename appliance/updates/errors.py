"""Refusals of offline update bundles; whatever the reason, nothing on the box has changed."""

from appliance.errors import ApplianceError


class BundleRefused(ApplianceError):
    """A bundle that is not what a trusted vendor signed."""

    code = "update.refused"
    way_out_zh = "设备未作任何改动。请向供应商重新取得更新介质。"
    way_out_en = "Nothing on the box has changed. Obtain the update stick from the vendor again."


class BundleMissing(BundleRefused):
    """A folder that holds no bundle."""

    code = "update.no-bundle"
    zh = "{directory} 中没有更新包。"
    en = "There is no update bundle in {directory}."


class BundleIncomplete(BundleRefused):
    """A bundle that lacks a file its signed metadata names."""

    code = "update.incomplete"
    zh = "更新包不完整:缺少 {name} 或无法读取。"
    en = "The bundle is incomplete: {name} is missing or cannot be read."


class BundleUntrusted(BundleRefused):
    """A bundle signed by nobody this box trusts."""

    code = "update.untrusted"
    zh = "更新包的签名不可信({what})。"
    en = "The bundle's signature is not trusted ({what})."


class BundleDamaged(BundleRefused):
    """A bundle with bytes that are not the signed ones."""

    code = "update.damaged"
    zh = "更新包内容与签名不符({what})。"
    en = "The bundle does not match its signatures ({what})."


class BundleExpired(BundleRefused):
    """A bundle whose signatures have run out."""

    code = "update.expired"
    zh = "更新包已过期({what})。"
    en = "The bundle has expired ({what})."


class BundleRollback(BundleRefused):
    """A bundle older than what this box has seen."""

    code = "update.rollback"
    zh = "更新包比设备已见过的更旧({what}),拒绝回退。"
    en = "The bundle is older than what this box has seen ({what}); going back is refused."


class BundleUnsupported(BundleRefused):
    """A signed bundle that this version of the box cannot take."""

    code = "update.unsupported"
    zh = "更新包的格式不受支持:{reason}。"
    en = "The bundle's format is not supported: {reason}."


class ClockBehind(BundleRefused):
    """A clock that stands before a moment known to be past."""

    code = "update.clock-behind"
    zh = "设备时钟({now})早于已知时刻({floor}),无法判断更新包是否过期。"
    en = "The box's clock ({now}) stands before a known moment ({floor}); expiry cannot be judged."
    way_out_zh = "请校正时钟后重试;设备未作任何改动。"
    way_out_en = "Set the clock and try again; nothing on the box has changed."


class NoUpdateTrust(BundleRefused):
    """A box without the vendor's trust root."""

    code = "update.no-trust-root"
    zh = "设备上没有供应商的信任根 {path}。"
    en = "This box holds no trust root of the vendor at {path}."
    way_out_zh = "请由供应商在安装时放入 trust/updates/root.json。"
    way_out_en = "The vendor puts trust/updates/root.json there at installation."


class StagingFull(BundleRefused):
    """No room to stage a bundle."""

    code = "update.disk-full"
    zh = "磁盘空间不足:需要 {needed} 字节,可用 {free} 字节。"
    en = "The disk is full: {needed} bytes needed, {free} bytes free."
    way_out_zh = "请腾出空间后重试;设备未作任何改动。"
    way_out_en = "Make room and try again; nothing on the box has changed."
