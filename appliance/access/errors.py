"""Refusals of the access room: sign-in, keys, scopes, models and quotas."""

from appliance.errors import ApplianceError


class AccessRefused(ApplianceError):
    """Nobody this box knows; the sentence is the same whatever was wrong."""

    code = "access.refused"
    zh = "身份无法确认。"
    en = "The caller could not be identified."
    way_out_zh = "请使用有效的密钥或重新登录(Authorization: Bearer …)。"
    way_out_en = "Use a valid key or sign in again (Authorization: Bearer ...)."


class AccessForbidden(ApplianceError):
    """A known caller who lacks a scope."""

    code = "access.forbidden"
    zh = "没有权限:需要 {scope}。"
    en = "Not allowed: this needs the scope {scope}."
    way_out_zh = "请向管理员申请包含该权限的密钥或角色。"
    way_out_en = "Ask an administrator for a key or a role that has it."


class ModelForbidden(ApplianceError):
    """A known caller whose key does not cover this model."""

    code = "access.model-forbidden"
    zh = "此密钥不能使用模型 {model}。"
    en = "This key may not use the model {model}."
    way_out_zh = "请使用密钥允许的模型,或向管理员申请。"
    way_out_en = "Use a model that the key allows, or ask an administrator."


class QuotaExceeded(ApplianceError):
    """A key that used up a limit; `facts["retry_after_s"]` says when to come back.

    `facts["limit"]` is "requests" or "tokens", `facts["window"]` "minute", "day" or "month".
    """

    code = "access.quota-exceeded"
    zh = "此密钥每{window_zh}的{limit_zh}限额已用完。"
    en = "The limit of {limit} per {window} is used up."
    way_out_zh = "请在 {retry_after_s} 秒后重试。"
    way_out_en = "Try again in {retry_after_s} seconds."


class LockedOut(ApplianceError):
    """Too many failed sign-ins under one name, whether or not the name exists."""

    code = "access.locked-out"
    zh = "登录失败次数过多,已暂时锁定。"
    en = "Too many failed sign-ins; this name is locked for a while."
    way_out_zh = "请在 {seconds} 秒后重试,或在设备本机控制台操作。"
    way_out_en = "Try again in {seconds} seconds, or use the box's own console."


class UserExists(ApplianceError):
    """A name that is taken."""

    code = "access.user-exists"
    zh = "用户 {name} 已存在。"
    en = "There is already a user {name}."
    way_out_zh = "请换一个名称。"
    way_out_en = "Choose another name."


class UserExternal(ApplianceError):
    """A person of an outside directory: the password is the directory's business."""

    code = "access.user-external"
    zh = "用户 {name} 由外部目录管理。"
    en = "The user {name} belongs to an outside directory."
    way_out_zh = "请在该目录中更改密码。"
    way_out_en = "Change the password in that directory."


class UserUnknown(ApplianceError):
    """A name nobody has."""

    code = "access.user-unknown"
    zh = "没有用户 {name}。"
    en = "There is no user {name}."
    way_out_zh = "请用 `wardbox user list` 查看用户。"
    way_out_en = "See the users with `wardbox user list`."


class UserNameMalformed(ApplianceError):
    """A name with characters that would confuse a person or a log."""

    code = "access.user-name-malformed"
    zh = "用户名不可用:1 至 64 个字符,不含空白、控制字符和 / \\ : ' \" < >。"
    en = "The name cannot be used: 1-64 characters without blanks, controls or / \\ : ' \" < >."
    way_out_zh = "请换一个名称。"
    way_out_en = "Choose another name."


class RoleUnknown(ApplianceError):
    """A role that is not in the table."""

    code = "access.role-unknown"
    zh = "没有角色 {role}。"
    en = "There is no role {role}."
    way_out_zh = "可用的角色:{roles}。"
    way_out_en = "The roles are {roles}."


class WeakPassword(ApplianceError):
    """A password that is too short, too long, or the name itself."""

    code = "access.weak-password"
    zh = "密码至少 {minimum} 个字符、至多 256 个,且不能与用户名相同。"
    en = "A password has {minimum} to 256 characters and is not the user's name."
    way_out_zh = "请换一个更长的密码。"
    way_out_en = "Choose a longer one."


class KeyUnknown(ApplianceError):
    """A key id that is not live."""

    code = "access.key-unknown"
    zh = "没有有效的密钥 {key_id}。"
    en = "There is no live key {key_id}."
    way_out_zh = "请用 `wardbox key list` 查看密钥。"
    way_out_en = "See the keys with `wardbox key list`."


class KeyWishInvalid(ApplianceError):
    """A key asked for with a name, scope, limit or expiry that cannot be."""

    code = "access.key-invalid"
    zh = "无法创建密钥:{reason_zh}。"
    en = "The key cannot be made: {reason_en}."
    way_out_zh = "请更正后重试。"
    way_out_en = "Correct it and try again."


class PasswordExpired(ApplianceError):
    """A signed-in person whose password is too old, or was given for one time only."""

    code = "access.password-expired"
    zh = "密码已到期或为临时密码,须先更换。"
    en = "The password is too old or was a temporary one; change it first."
    way_out_zh = "请用 PUT /api/v1/users/me/password 更换,或运行 `wardbox user password`。"
    way_out_en = "Change it with PUT /api/v1/users/me/password or `wardbox user password`."


class TotpEnrolmentDue(ApplianceError):
    """A signed-in person whose role demands a second factor that is not set up yet."""

    code = "access.totp-enrolment-due"
    zh = "您的角色要求动态口令,须先绑定。"
    en = "Your role asks for one-time codes; set them up first."
    way_out_zh = "请用 POST /api/v1/users/me/totp 绑定,并用一个动态口令确认。"
    way_out_en = "Set them up with POST /api/v1/users/me/totp and confirm with one code."
