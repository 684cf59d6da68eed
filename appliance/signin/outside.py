"""The two outside parties, made at their first use: a box without them loads none of their libraries."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.settings.signin import LdapSettings, OidcSettings

if TYPE_CHECKING:
    from appliance.signin.ldap_directory import LdapDirectory
    from appliance.signin.oidc_provider import Provider


def open_directory(
    settings: LdapSettings,
    ca_file: Path | None,
    password: Callable[[], str | None],
    clock: Callable[[], float],
) -> "LdapDirectory":
    """Make the directory. Raises SignInMisconfigured."""
    from appliance.signin.ldap_directory import LdapDirectory  # noqa: PLC0415  # first use

    return LdapDirectory(settings, ca_file, password, clock)


def open_provider(
    settings: OidcSettings,
    ca_file: Path | None,
    secret: Callable[[], str | None],
    clock: Callable[[], float],
) -> "Provider":
    """Make the provider. Raises SignInMisconfigured."""
    from appliance.signin.oidc_provider import Provider  # noqa: PLC0415  # first use

    return Provider(settings, ca_file, secret, clock)
