"""A directory asked about people: found by name, proved by password, their groups made into a role."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn, parse_dn

from appliance.access.errors import AccessRefused
from appliance.settings.signin import LdapSettings
from appliance.signin.errors import DirectoryRefused, SignInMisconfigured
from appliance.signin.ldap_wire import Found, Place, Talk, place_of, talk
from appliance.signin.person import Person, first_text, is_enabled

# [MS-ADTS] 3.1.1.3.4.4: a group that is reached through others counts.
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
_STATE: Final = ("userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime")
_FILTERS: Final = {
    "ad": "(&(objectCategory=person)(objectClass=user)(sAMAccountName={name}))",
    "openldap": "(&(objectClass=inetOrgPerson)(uid={name}))",
}
_NAMES: Final = {"ad": "sAMAccountName", "openldap": "uid"}
_SUBJECTS: Final = {"ad": "objectGUID", "openldap": "entryUUID"}
_DEPTH: Final = 8
_GROUPS: Final = 512


class LdapDirectory:
    """The hospital's directory. Every call waits for the network: run it in a thread.

    Args:
        settings: how it is asked.
        ca_file: authority of its certificates, or None for a server on this machine.
        password: gives the password of the account that searches.
        clock: Unix time in seconds.

    Raises:
        SignInMisconfigured: the settings contradict themselves.
    """

    def __init__(
        self,
        settings: LdapSettings,
        ca_file: Path | None,
        password: Callable[[], str | None],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._ca = _context(ca_file)
        self._places: Sequence[Place] = [
            place_of(url, has_ca=ca_file is not None) for url in settings.servers
        ]
        self._filter = settings.user_filter or _FILTERS[settings.flavour]
        self._name = settings.name_attribute or _NAMES[settings.flavour]
        self._subject = _SUBJECTS[settings.flavour]
        self._judge()
        self._roles = [(_comparable(dn), dn, role) for dn, role in settings.roles.items()]

    @property
    def can_look_up(self) -> bool:
        """Whether people can be looked up without their password."""
        return bool(self._settings.bind_dn)

    @contextmanager
    def asked(self) -> Iterator["Question"]:
        """A conversation with the first server that answers, bound as the account that searches.

        Raises:
            DirectoryUnreachable: no server answers.
            DirectoryRefused: that account is refused.
        """
        with talk(self._places, self._ca, self._settings.timeout_s) as spoken:
            if self.can_look_up:
                self._bind_account(spoken)
            yield Question(self, spoken)

    def find(self, spoken: Talk, wanted: str) -> Found | None:
        """The one entry that fits a filter; None for none and for several."""
        attributes = (self._name, self._subject, *_STATE)
        found = spoken.search(self._settings.base, wanted, attributes, 2)
        return found[0] if len(found) == 1 else None

    def named(self, name: str) -> str:
        """The filter that finds a name, escaped as RFC 4515 asks."""
        return self._filter.replace("{name}", escape_filter_chars(name))

    def of_subject(self, subject: str) -> str:
        """The filter that finds a subject among those who may sign in at all."""
        if self._subject == "objectGUID":
            value = "".join(f"\\{byte:02x}" for byte in bytes.fromhex(subject))
        else:
            value = escape_filter_chars(subject)
        return f"(&{self._filter.replace('{name}', '*')}({self._subject}={value}))"

    def binding_of(self, name: str) -> str | None:
        """How a person binds as themselves; None when the name could mean somebody else."""
        template = self._settings.bind_as
        if "=" in template:
            return template.replace("{name}", escape_rdn(name))
        return None if "@" in name or "\\" in name else template.replace("{name}", name)

    def person_of(self, spoken: Talk, entry: Found) -> Person:
        """What the directory says of a person, with the role of their groups.

        Raises:
            DirectoryRefused: the entry lacks its name or what identifies it.
        """
        name = first_text(entry.attributes, self._name)
        subject = self._subject_in(entry)
        if not name or not subject:
            raise DirectoryRefused(reason=f"{self._name}, {self._subject}")
        enabled = is_enabled(entry.attributes, self._clock())
        return Person(
            name, subject, self._role_of(spoken, entry, name) if enabled else None, enabled
        )

    def bind_again(self, spoken: Talk) -> None:
        """After a person has bound, go on as the account that searches."""
        if self.can_look_up:
            self._bind_account(spoken)

    def _bind_account(self, spoken: Talk) -> None:
        if not spoken.bind(self._settings.bind_dn, self._password() or ""):
            raise DirectoryRefused(reason="bind_dn: 49")

    def _subject_in(self, entry: Found) -> str | None:
        if self._subject != "objectGUID":
            return first_text(entry.attributes, self._subject)
        values = [v for k, v in entry.attributes.items() if k.lower() == "objectguid" and v]
        return values[0][0].hex() if values else None

    def _role_of(self, spoken: Talk, entry: Found, name: str) -> str | None:
        if self._settings.flavour == "ad":
            for _, dn, role in self._roles:
                if spoken.holds(entry.dn, f"(memberOf:{IN_CHAIN}:={escape_filter_chars(dn)})"):
                    return role
            return None
        held = self._groups_above(spoken, entry.dn, name)
        return next((role for wanted, _, role in self._roles if wanted in held), None)

    def _groups_above(self, spoken: Talk, dn: str, name: str) -> set[str]:
        """Groups that hold a person, directly or through other groups; circles end."""
        base = self._settings.group_base or self._settings.base
        held: set[str] = set()
        ask = [f"(memberUid={escape_filter_chars(name)})", *_member_of(dn)]
        for _ in range(_DEPTH):
            above: list[str] = []
            for found in spoken.search(base, f"(|{''.join(ask)})", ["1.1"], _GROUPS):
                key = _comparable(found.dn)
                if key not in held and len(held) < _GROUPS:
                    held.add(key)
                    above.append(found.dn)
            ask = [part for one in above for part in _member_of(one)]
            if not ask:
                break
        return held

    def _judge(self) -> None:
        settings = self._settings
        faults = (
            ("{name}" not in self._filter, "user_filter 缺少 {name}", "user_filter lacks {name}"),
            (not settings.base, "缺少 base", "base is missing"),
            (
                not settings.bind_dn and "{name}" not in settings.bind_as,
                "需要 bind_dn 或含 {name} 的 bind_as",
                "it needs bind_dn, or bind_as with {name}",
            ),
        )
        for wrong, zh, en in faults:
            if wrong:
                raise SignInMisconfigured(section="ldap", reason_zh=zh, reason_en=en)


class Question:
    """One conversation about people."""

    def __init__(self, directory: LdapDirectory, spoken: Talk) -> None:
        self._directory = directory
        self._spoken = spoken

    def prove(self, name: str, password: str) -> Person:
        """The person whom name and password belong to.

        Raises:
            AccessRefused: whatever was wrong: nobody, several, another password, disabled.
            DirectoryUnreachable, DirectoryRefused: it cannot be asked.
        """
        if not name or not password:
            raise AccessRefused
        directory, spoken = self._directory, self._spoken
        if directory.can_look_up:
            entry = directory.find(spoken, directory.named(name))
            if entry is None or not spoken.bind(entry.dn, password):
                raise AccessRefused
            directory.bind_again(spoken)
        else:
            who = directory.binding_of(name)
            if who is None or not spoken.bind(who, password):
                raise AccessRefused
            entry = directory.find(spoken, directory.named(name))
            # One person's sign-in name may be another's account name: the entry itself must fit.
            if entry is None or not spoken.bind(entry.dn, password):
                raise AccessRefused
        person = directory.person_of(spoken, entry)
        if not person.enabled:
            raise AccessRefused
        return person

    def look_up(self, subject: str) -> Person | None:
        """The person behind a subject as they are now; None when they are gone."""
        entry = self._directory.find(self._spoken, self._directory.of_subject(subject))
        return None if entry is None else self._directory.person_of(self._spoken, entry)


def _member_of(dn: str) -> tuple[str, str]:
    value = escape_filter_chars(dn)
    return f"(member={value})", f"(uniqueMember={value})"


def _comparable(dn: str) -> str:
    """A DN as directories compare it: case and blanks around its parts do not count."""
    try:
        parts = parse_dn(dn, escape=False, strip=True)
    except LDAPInvalidDnError as error:
        raise SignInMisconfigured(
            section="ldap",
            reason_zh=f"{dn[:100]} 不是组的 DN",
            reason_en=f"{dn[:100]} is no DN of a group",
        ) from error
    return ",".join(f"{kind.lower()}={value.casefold()}" for kind, value, _ in parts)


def _context(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SignInMisconfigured(
            section="ldap",
            reason_zh=f"无法读取 ca_file {ca_file}",
            reason_en=f"ca_file {ca_file} cannot be read",
        ) from error
    return context
