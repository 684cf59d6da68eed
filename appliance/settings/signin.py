"""Settings of sign-in from outside directories and of certificates; every secret stands elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import StringConstraints

from appliance.settings.field import Section, told

_LDAP_URL = r"^ldaps?://[A-Za-z0-9.\[\]:-]{1,260}$"
_URL = r"^(https?://[^\s\x00-\x1f?#@]{1,500})?$"
_ATTRIBUTE = r"^([A-Za-z][A-Za-z0-9-]{0,63})?$"
_CIDR = r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$"

Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Roles = dict[Text, Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]]


class TlsSettings(Section):
    """Certificates of the box and of its clients."""

    client_days: int = told(
        397, "客户端证书的有效天数。", "Life of a client certificate.", "day", ge=1, le=3650
    )
    warn_days: int = told(
        30,
        "证书到期前多少天开始提醒。",
        "When to warn before a certificate expires.",
        "day",
        ge=1,
        le=365,
    )


class LdapSettings(Section):
    """Sign-in against the hospital's LDAP or Active Directory; off without servers."""

    servers: list[Annotated[str, StringConstraints(pattern=_LDAP_URL)]] = told(
        [],
        "目录服务器,依次尝试;ldaps:// 为 TLS,ldap:// 使用 StartTLS;留空则关闭。",
        "Directory servers, tried in turn; ldaps:// speaks TLS, ldap:// uses StartTLS; none means off.",
        max_length=8,
    )
    flavour: Literal["ad", "openldap"] = told(
        "ad", "目录类型:ad 或 openldap。", "Kind of directory: ad or openldap."
    )
    ca_file: Path | None = told(
        None,
        "签发目录服务器证书的 CA 文件(PEM),相对路径以状态目录为起点。",
        "Authority of the directory's certificates (PEM); a relative path starts at the state directory.",
    )
    base: str = told(
        "", "查找人员的起点 DN。", "DN below which people are searched.", max_length=1024
    )
    group_base: str = told(
        "",
        "查找组的起点 DN;留空同 base。",
        "DN below which groups are searched; base when empty.",
        max_length=1024,
    )
    bind_dn: str = told(
        "",
        "查询用账号;留空则以本人身份绑定(见 bind_as)。",
        "Account that searches; when empty people bind as themselves (see bind_as).",
        max_length=1024,
    )
    bind_as: str = told(
        "",
        "以本人身份绑定时的写法,含 {name},如 {name}@hospital.local。",
        "How people bind as themselves, with {name}: for example {name}@hospital.local.",
        max_length=1024,
    )
    user_filter: str = told(
        "",
        "查找人员的过滤器,含 {name};留空则按目录类型。",
        "Filter that finds a person, with {name}; decided by the flavour when empty.",
        max_length=2048,
    )
    name_attribute: str = told(
        "",
        "作为用户名的属性;留空则按目录类型(sAMAccountName 或 uid)。",
        "Attribute that names a person here; by flavour when empty (sAMAccountName or uid).",
        pattern=_ATTRIBUTE,
    )
    roles: Roles = told(
        {},
        "组 DN 对应的角色;列在前面的优先;没有对应角色的人不能登录。",
        "Role of each group DN; the first that fits counts; people without one stay outside.",
        max_length=64,
    )
    recheck_s: int = told(
        300,
        "多久重新核对一次已登录人员。",
        "How often people who are signed in are looked up again.",
        "s",
        ge=10,
        le=3600,
    )
    grace_s: int = told(
        3600,
        "目录无法访问多久后结束会话。",
        "How long sessions outlive a directory that cannot be reached.",
        "s",
        ge=60,
        le=86_400,
    )
    session_s: int = told(
        3600,
        "以本人身份绑定时会话的最长时间(此时无法重新核对)。",
        "Longest session of people who bind as themselves, who cannot be looked up again.",
        "s",
        ge=300,
        le=43_200,
    )
    timeout_s: int = told(
        5, "等待目录回答的时间。", "How long an answer is waited for.", "s", ge=1, le=60
    )


class OidcSettings(Section):
    """Sign-in against the hospital's own OpenID provider; off without an issuer."""

    issuer: str = told(
        "",
        "身份提供方的地址(https),必须在院内网络;留空则关闭。",
        "The provider's issuer (https), inside the hospital's network; empty means off.",
        pattern=_URL,
    )
    client_id: str = told(
        "", "在提供方登记的客户端编号。", "Client id at the provider.", max_length=256
    )
    callback: str = told(
        "",
        "本机回调地址,如 https://box.hospital.cn:8443/api/v1/signin/oidc/callback。",
        "The box's own callback: https://<box>:8443/api/v1/signin/oidc/callback.",
        pattern=_URL,
    )
    ca_file: Path | None = told(
        None,
        "签发提供方证书的 CA 文件(PEM),相对路径以状态目录为起点。",
        "Authority of the provider's certificate (PEM); a relative path starts at the state directory.",
    )
    networks: list[Annotated[str, StringConstraints(pattern=_CIDR)]] = told(
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128"],
        "提供方地址只能在这些网段内。",
        "Networks in which the provider's address must lie.",
        max_length=32,
    )
    scopes: list[Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]{1,64}$")]] = told(
        ["openid", "profile"], "请求的 scope。", "Scopes asked for.", max_length=16
    )
    name_claim: str = told(
        "preferred_username",
        "作为用户名的声明。",
        "Claim that names a person here.",
        min_length=1,
        max_length=64,
    )
    roles_claim: str = told(
        "groups",
        "含组或角色的声明。",
        "Claim that holds groups or roles.",
        min_length=1,
        max_length=64,
    )
    roles: Roles = told(
        {},
        "声明值对应的角色;列在前面的优先;没有对应角色的人不能登录。",
        "Role of each value of that claim; the first that fits counts; others stay outside.",
        max_length=64,
    )
    return_to: list[Annotated[str, StringConstraints(pattern=_URL)]] = told(
        [],
        "登录后允许返回的地址(完全一致);留空则只显示一次性代码。",
        "Addresses to which a browser may return, compared whole; without any a code is shown.",
        max_length=16,
    )
    session_s: int = told(
        3600,
        "会话的最长时间(期间不再询问提供方)。",
        "Longest session; the provider is not asked again meanwhile.",
        "s",
        ge=300,
        le=43_200,
    )
    timeout_s: int = told(
        5, "等待提供方回答的时间。", "How long an answer is waited for.", "s", ge=1, le=60
    )
