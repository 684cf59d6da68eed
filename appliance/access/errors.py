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

    `facts["limit"]` is "requests" or "tokens", `facts["window"]` "minute", "day" or "month";
    `facts["limits"]` are the rate-limit headers that go with it.
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
    """A password against the rules of the box."""

    code = "access.weak-password"
    zh = "密码不合要求:{reason_zh}。"
    en = "The password does not do: {reason_en}."
    way_out_zh = "请换一个密码。"
    way_out_en = "Choose another one."


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


class TotpNeeded(ApplianceError):
    """The password was right; the second factor is missing."""

    code = "access.totp-needed"
    zh = "还需要动态口令。"
    en = "A one-time code is needed too."
    way_out_zh = "请在 totp 字段中附上验证器应用的 6 位数字,或一个恢复码。"
    way_out_en = "Send the 6 digits of the authenticator app, or a recovery code, as totp."


class TotpWrong(ApplianceError):
    """A one-time code that does not fit, or was used before."""

    code = "access.totp-wrong"
    zh = "动态口令不正确或已使用过。"
    en = "The one-time code is wrong or was used before."
    way_out_zh = "请等待下一个口令后重试,并核对手机时间。"
    way_out_en = "Wait for the next one, and check the clock of the phone."


class TotpState(ApplianceError):
    """A step of the second factor out of order."""

    code = "access.totp-state"
    zh = "此时无法进行该操作:{reason_zh}。"
    en = "This cannot be done now: {reason_en}."
    way_out_zh = "请先查看绑定状态(GET /api/v1/users/me)。"
    way_out_en = "See where it stands first (GET /api/v1/users/me)."


class PersonNeeded(ApplianceError):
    """Something that only a signed-in person can do."""

    code = "access.person-needed"
    zh = "此操作须由本人登录后进行,密钥与本机控制台不能代替。"
    en = "This needs a signed-in person; a key or the local console will not do."
    way_out_zh = "请先登录(POST /api/v1/sessions)。"
    way_out_en = "Sign in first (POST /api/v1/sessions)."


class SessionUnknown(ApplianceError):
    """A session id that is not live."""

    code = "access.session-unknown"
    zh = "没有会话 {session_id}。"
    en = "There is no session {session_id}."
    way_out_zh = "请用 `wardbox user sessions` 查看会话。"
    way_out_en = "See the sessions with `wardbox user sessions`."


class AccountUnknown(ApplianceError):
    """A service account nobody made."""

    code = "access.account-unknown"
    zh = "没有服务账号 {name}。"
    en = "There is no service account {name}."
    way_out_zh = "请用 `wardbox user accounts` 查看服务账号。"
    way_out_en = "See them with `wardbox user accounts`."


class AccountExists(ApplianceError):
    """A service account of a name that is taken."""

    code = "access.account-exists"
    zh = "服务账号 {name} 已存在。"
    en = "There is already a service account {name}."
    way_out_zh = "请换一个名称。"
    way_out_en = "Choose another name."


class RoleInvalid(ApplianceError):
    """A role asked for with a name or scopes that cannot be."""

    code = "access.role-invalid"
    zh = "角色无法设定:{reason_zh}。"
    en = "The role cannot be set: {reason_en}."
    way_out_zh = "请更正后重试。"
    way_out_en = "Correct it and try again."


class RoleInUse(ApplianceError):
    """A role that somebody has."""

    code = "access.role-in-use"
    zh = "角色 {role} 仍被 {holder} 使用。"
    en = "The role {role} is still that of {holder}."
    way_out_zh = "请先为其更换角色。"
    way_out_en = "Give them another role first."


class LastAdministrator(ApplianceError):
    """A change that would leave nobody to administrate."""

    code = "access.last-administrator"
    zh = "{name} 是最后一位可用的管理员。"
    en = "{name} is the last administrator who can sign in."
    way_out_zh = "请先设立另一位管理员。"
    way_out_en = "Make another administrator first."


class ApprovalNeeded(ApplianceError):
    """An action that two people decide on this box."""

    code = "access.approval-needed"
    zh = "此操作需要两人:{action} {subject}。"
    en = "This takes two people: {action} {subject}."
    way_out_zh = "请用 `wardbox approval request {action} {subject}` 申请,由另一位管理员批准。"
    way_out_en = (
        "Ask with `wardbox approval request {action} {subject}`; another administrator approves."
    )


class ApprovalUnknown(ApplianceError):
    """An approval or an action that is not there."""

    code = "access.approval-unknown"
    zh = "没有双人操作 {approval}。"
    en = "There is no two-person action {approval}."
    way_out_zh = "请用 `wardbox approval list` 查看。"
    way_out_en = "See them with `wardbox approval list`."


class ApprovalRefused(ApplianceError):
    """A step of an approval that its state or its people do not allow."""

    code = "access.approval-refused"
    zh = "不能这样做:{reason_zh}。"
    en = "This cannot be done: {reason_en}."
    way_out_zh = "请查看该申请的状态;需要时重新申请。"
    way_out_en = "See the state of the request; ask anew where needed."


class UsageRangeInvalid(ApplianceError):
    """A range of time that cannot be."""

    code = "access.usage-range"
    zh = "时间范围无效:{reason_zh}。"
    en = "The range of time cannot be: {reason_en}."
    way_out_zh = "请更正 from 与 to。"
    way_out_en = "Correct from and to."
