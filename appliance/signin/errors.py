"""Refusals of sign-in from outside directories and of client certificates."""

from appliance.errors import ApplianceError


class SignInOff(ApplianceError):
    """Nobody has set this way of signing in up."""

    code = "signin.off"
    zh = "未启用 {way} 登录。"
    en = "Sign-in by {way} is not set up."
    way_out_zh = "请用本机账号登录,或由管理员在 settings.toml 的 [{section}] 中启用。"
    way_out_en = "Use an account of the box, or have [{section}] of settings.toml filled in."


class DirectoryUnreachable(ApplianceError):
    """No server of the directory answers."""

    code = "signin.directory-unreachable"
    zh = "目录服务器没有回答({reason})。"
    en = "No directory server answers ({reason})."
    way_out_zh = "请检查网络、地址与证书(ldap.servers、ldap.ca_file);本机账号仍可登录。"
    way_out_en = (
        "Check network, addresses and certificates (ldap.servers, ldap.ca_file); accounts of the box"
        " still work."
    )


class DirectoryRefused(ApplianceError):
    """The directory does not let the box search: its account, its base or its filter is wrong."""

    code = "signin.directory-refused"
    zh = "目录拒绝了一体机的查询({reason})。"
    en = "The directory refused the box's own query ({reason})."
    way_out_zh = "请核对 [ldap] 的 bind_dn、base 与过滤器,并重新运行 wardbox signin secret ldap。"
    way_out_en = (
        "Check bind_dn, base and filters of [ldap], and run wardbox signin secret ldap again."
    )


class SignInMisconfigured(ApplianceError):
    """The settings of a directory contradict themselves or would send secrets in the clear."""

    code = "signin.misconfigured"
    zh = "[{section}] 的设置不可用:{reason_zh}。"
    en = "The settings [{section}] cannot be used: {reason_en}."
    way_out_zh = "请改正 settings.toml 后重新启动一体机。"
    way_out_en = "Correct settings.toml and start the box again."


class NoRole(ApplianceError):
    """Somebody whom the directory knows, and to whom no role is given."""

    code = "signin.no-role"
    zh = "目录认识此人,但没有为其所在的组分配角色。"
    en = "The directory knows this person, but none of their groups has a role here."
    way_out_zh = "请管理员在 [{section}] 的 roles 中为相应的组分配角色。"
    way_out_en = "Have a role given to one of their groups in roles of [{section}]."


class NameTaken(ApplianceError):
    """The directory gives a name that belonged to another of its people before."""

    code = "signin.name-taken"
    zh = "用户名 {name} 在一体机上属于目录中的另一个人。"
    en = "The name {name} belongs to another person of the directory on this box."
    way_out_zh = "若确认是新员工,请先删除旧账号:wardbox user remove {name}。"
    way_out_en = (
        "If this is a new member of staff, remove the old account: wardbox user remove {name}."
    )


class ProviderUnreachable(ApplianceError):
    """The OpenID provider does not answer, or not as one."""

    code = "signin.provider-unreachable"
    zh = "身份提供方没有正确回答({reason})。"
    en = "The identity provider does not answer properly ({reason})."
    way_out_zh = "请检查 [oidc] 的 issuer、networks 与 ca_file;本机账号仍可登录。"
    way_out_en = "Check issuer, networks and ca_file of [oidc]; accounts of the box still work."


class TokenRefused(ApplianceError):
    """What came back from the provider does not prove who somebody is."""

    code = "signin.token-refused"
    zh = "身份提供方的回答未通过校验({reason})。"
    en = "The provider's answer does not prove who this is ({reason})."
    way_out_zh = "请重新登录;若反复出现,请联系管理员。"
    way_out_en = "Sign in again; if it happens again, tell an administrator."


class TicketRefused(ApplianceError):
    """A sign-in that nobody began, that is over, or that was used before."""

    code = "signin.ticket-refused"
    zh = "此次登录不存在、已过期或已用过。"
    en = "This sign-in was never begun, is over or was used before."
    way_out_zh = "请重新开始登录。"
    way_out_en = "Begin to sign in again."


class ReturnRefused(ApplianceError):
    """An address to which no browser may be sent."""

    code = "signin.return-refused"
    zh = "不允许返回此地址。"
    en = "A browser may not be sent to that address."
    way_out_zh = "请管理员把它列入 oidc.return_to(须完全一致)。"
    way_out_en = "Have it listed in oidc.return_to; it is compared whole."


class TooManySignIns(ApplianceError):
    """Too many sign-ins are under way."""

    code = "signin.too-many"
    zh = "正在进行的登录过多。"
    en = "Too many sign-ins are under way."
    way_out_zh = "请在 {retry_after_s} 秒后重试。"
    way_out_en = "Try again in {retry_after_s} seconds."


class CertificateUnknown(ApplianceError):
    """A fingerprint that no live client certificate has."""

    code = "signin.certificate-unknown"
    zh = "没有指纹为 {fingerprint} 的有效客户端证书。"
    en = "There is no live client certificate {fingerprint}."
    way_out_zh = "请用 wardbox certificate list 查看。"
    way_out_en = "See them with wardbox certificate list."
