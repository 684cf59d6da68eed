"""Refusals of changing the software of a box: each a code, a sentence and a way out."""

from installer.errors import InstallerError


class ApplyError(InstallerError):
    """A change of the software did not go on; the box runs what it ran."""

    code = "apply"
    zh = "软件更新未能继续。"
    en = "The update of the software did not go on."
    way_out_zh = "一体机运行原来的版本。请查看更新历史。"
    way_out_en = "The box runs the version it ran. See the history of updates."


class RequestRefused(ApplyError):
    """What the box asks for is no request."""

    code = "apply.request-refused"
    zh = "更新请求 {path} 无法使用:{reason}。"
    en = "The request {path} cannot be used: {reason}."
    way_out_zh = "请重新应用更新介质。"
    way_out_en = "Apply the stick again."


class ApplierBusy(ApplyError):
    """Another change of the software is going on."""

    code = "apply.busy"
    zh = "另一个安装进程正在更改 {place} 中的软件。"
    en = "Another process changes the software in {place}."
    way_out_zh = "请等它结束。"
    way_out_en = "Wait for it to end."


class OtherPackage(ApplyError):
    """The staged bundle holds no such release."""

    code = "apply.other-package"
    zh = "更新包 {bundle} 中没有所请求的版本 {version}。"
    en = "The bundle {bundle} does not hold the release {version} that was asked for."
    way_out_zh = "请重新应用更新介质。"
    way_out_en = "Apply the stick again."


class NotToFollow(ApplyError):
    """A release that may not follow the one that runs."""

    code = "apply.not-to-follow"
    zh = "版本 {version} 不能接在 {running} 之后,只能接在 {allowed} 之后。"
    en = "Release {version} may not follow {running}, only {allowed}."
    way_out_zh = "请先安装中间版本。"
    way_out_en = "Install a release in between first."


class VersionTaken(ApplyError):
    """A release of that version is in use and is made of other files."""

    code = "apply.version-taken"
    zh = "版本 {version} 已在使用,但内容不同。"
    en = "Release {version} is in use, made of other files."
    way_out_zh = "请联系供应商:同一版本只能有一种内容。"
    way_out_en = "Ask the vendor: one version has one content."


class NoRoom(ApplyError):
    """Too little disk for the release, or for the copies of the database."""

    code = "apply.no-room"
    zh = "{place} 空间不足:需要 {needed} 字节,可用 {free} 字节。"
    en = "{place} has too little room: {needed} bytes needed, {free} bytes free."
    way_out_zh = "请腾出空间后重新应用。"
    way_out_en = "Make room and apply it again."


class EnvironmentMissing(ApplyError):
    """A release has other pins than the running one and brings no packages for them."""

    code = "apply.environment-missing"
    zh = "版本 {version} 需要其他 Python 软件包,但没有附带。"
    en = "Release {version} needs other Python packages and brings none."
    way_out_zh = "请供应商把软件包放入该版本的 offline 目录。"
    way_out_en = "Ask the vendor to put the packages into the release's folder offline."


class SelfStarting(ApplyError):
    """Something in an environment would run by itself at every start of Python."""

    code = "apply.self-starting"
    zh = "新版本的运行环境含有自启动文件 {name}。"
    en = "The environment of the release holds {name}, which starts by itself."
    way_out_zh = "已拒绝。请保留介质并联系供应商。"
    way_out_en = "Refused. Keep the stick and ask the vendor."


class NotStill(ApplyError):
    """The box did not come to stand still."""

    code = "apply.not-still"
    zh = "一体机在 {seconds} 秒内没有停稳。"
    en = "The box did not come to stand still within {seconds} s."
    way_out_zh = "请查看日志后重新应用。"
    way_out_en = "See the log, then apply it again."


class SnapshotFailed(ApplyError):
    """The database could not be copied before the change."""

    code = "apply.snapshot-failed"
    zh = "更新前无法复制数据库:{zh}"
    en = "The database could not be copied before the change: {en}"
    way_out_zh = "请检查磁盘空间后重新应用。"
    way_out_en = "Check the disk space, then apply it again."


class RehearsalFailed(ApplyError):
    """The new release did not come through its rehearsal on a copy."""

    code = "apply.rehearsal-failed"
    zh = "新版本在副本上的演练没有通过:{zh}"
    en = "The release did not come through its rehearsal on a copy: {en}"
    way_out_zh = "一体机未被改动。请联系供应商。"
    way_out_en = "The box is unchanged. Ask the vendor."


class Unhealthy(ApplyError):
    """The new release was started and did not become healthy."""

    code = "apply.unhealthy"
    zh = "新版本启动 {tries} 次仍不健康:{reason}"
    en = "The release was started {tries} times and did not become healthy: {reason}"
    way_out_zh = "已自动退回原来的版本和数据库。请联系供应商。"
    way_out_en = "The version and the database from before are back. Ask the vendor."


class DiskFailed(ApplyError):
    """The operating system refused a step."""

    code = "apply.disk-failed"
    zh = "系统拒绝了对 {path} 的操作:{reason}。"
    en = "The system refused an operation on {path}: {reason}."
    way_out_zh = "请检查磁盘后重新应用。"
    way_out_en = "Check the disk, then apply it again."


class Interrupted(ApplyError):
    """The machine went down again and again while a release was on trial."""

    code = "apply.interrupted"
    zh = "试运行期间机器反复中断({tries} 次)。"
    en = "The machine went down {tries} times while the release was on trial."
    way_out_zh = "已自动退回原来的版本和数据库。请联系供应商。"
    way_out_en = "The version and the database from before are back. Ask the vendor."


class AlreadyCurrent(ApplyError):
    """The box runs this release."""

    code = "apply.already-current"
    zh = "一体机已在运行版本 {version}。"
    en = "The box runs release {version} already."
    way_out_zh = "无需操作。"
    way_out_en = "Nothing is to be done."


class NothingBefore(ApplyError):
    """There is no release to go back to."""

    code = "apply.nothing-before"
    zh = "{place} 中没有上一版本。"
    en = "There is no release before this one in {place}."
    way_out_zh = "如需更早的版本,请联系供应商。"
    way_out_en = "Ask the vendor if an older release is needed."


class GivenUp(ApplyError):
    """A person ended a change that was under way."""

    code = "apply.given-up"
    zh = "版本 {version} 的更新已由人工放弃。"
    en = "A person gave the change to release {version} up."
    way_out_zh = "一体机运行原来的版本。"
    way_out_en = "The box runs the release it ran before."
