"""A real directory server (OpenLDAP's slapd) on loopback, with people, groups and its own certificate."""

import base64
import contextlib
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from secure_compute.certificates import issue_server, make_authority

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")
SLAPADD = shutil.which("slapadd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
HERE = SLAPD is not None and SLAPADD is not None and (SCHEMAS / "msuser.schema").exists()
WHY = "no OpenLDAP server on this machine (Debian package slapd)"

BASE = "dc=hospital,dc=cn"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
READER = f"cn=wardbox,{BASE}"
READER_PASSWORD = "the box reads here"
ADMIN = f"cn=admin,{BASE}"
ADMIN_PASSWORD = "the test writes here"
GUID = bytes(range(16))

CONF = """\
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
include {schemas}/nis.schema
include {schemas}/msuser.schema
modulepath {modules}
moduleload back_mdb
pidfile {home}/slapd.pid
TLSCertificateFile {home}/server.pem
TLSCertificateKeyFile {home}/server.key
TLSCACertificateFile {home}/ca.pem
disallow bind_anon
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw "{admin_password}"
directory {home}/data
maxsize 8388608
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by users read by * none
"""


def person(uid: str, password: str, **more: str) -> str:
    extra = "".join(f"{name}: {value}\n" for name, value in more.items())
    return (
        f"dn: uid={uid},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n"
        f"userPassword: {password}\n{extra}\n"
    )


def group(name: str, *members: str) -> str:
    held = "".join(f"member: {member}\n" for member in members)
    return f"dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n{held}\n"


def uid(name: str) -> str:
    return f"uid={name},{PEOPLE}"


def active(name: str, password: str, control: int, guid: bytes) -> str:
    """A person as Active Directory describes one."""
    return (
        f"dn: cn={name},{PEOPLE}\nobjectClass: user\nobjectClass: extensibleObject\ncn: {name}\nsn: {name}\n"
        f"instanceType: 4\nnTSecurityDescriptor: x\nobjectCategory: cn=person,{BASE}\n"
        f"sAMAccountName: {name}\nuserAccountControl: {control}\nuserPassword: {password}\n"
        f"objectGUID:: {base64.b64encode(guid).decode()}\n\n"
    )


LDIF = (
    f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Hospital\ndc: hospital\n\n"
    f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\n"
    f"dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n"
    f"dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
    f"cn: wardbox\nuserPassword: {READER_PASSWORD}\n\n"
    + person("li.wei", "li's password")
    + person("wang.fang", "wang's password")
    + person("zhao.min", "zhao's password")
    + person("nobody.much", "no role password")
    + person("admin", "directory's admin")
    + person("twin.a", "twin password", mail="twin@hospital.cn")
    + person("twin.b", "twin password", mail="twin@hospital.cn")
    + active("chen", "chen's password", 512, GUID)
    + active("gone", "gone's password", 514, GUID[::-1])
    + group("doctors", uid("li.wei"), uid("admin"), uid("twin.a"))
    + group("surgeons", uid("zhao.min"), f"cn=circle,{GROUPS}")
    + group("circle", f"cn=surgeons,{GROUPS}")
    + group("clinicians", f"cn=surgeons,{GROUPS}")
    + group("it", uid("wang.fang"))
)
ROLES = {
    f"cn=it,{GROUPS}": "administrator",
    "CN=Doctors, OU=Groups, DC=hospital, DC=cn": "clinician",
    f"cn=clinicians,{GROUPS}": "clinician",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Slapd:
    """A directory server of our own."""

    home: Path
    port: int
    tls_port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def ca_file(self) -> Path:
        return self.home / "ca.pem"

    @property
    def plain(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def tls(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def start(self) -> None:
        urls = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        argv = [str(SLAPD), "-d", "0", "-h", urls, "-f", str(self.home / "slapd.conf")]
        with (self.home / "slapd.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.home)
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.tls_port)),
            ):
                return
            assert self.process.poll() is None, (self.home / "slapd.log").read_text()
            time.sleep(0.02)
        raise AssertionError("slapd does not listen")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def modify(self, dn: str, **changes: list[str]) -> None:
        """Replace attributes of an entry."""
        from ldap3 import MODIFY_REPLACE

        with self._writing() as connection:
            told = {name: [(MODIFY_REPLACE, values)] for name, values in changes.items()}
            assert connection.modify(dn, told), connection.result

    def delete(self, dn: str) -> None:
        with self._writing() as connection:
            assert connection.delete(dn), connection.result

    def add(self, ldif: str) -> None:
        """Add one entry written as LDIF."""
        values: dict[str, list[str]] = {}
        for line in ldif.strip().splitlines():
            name, _, value = line.partition(": ")
            values.setdefault(name, []).append(value)
        dn, classes = values.pop("dn")[0], values.pop("objectClass")
        with self._writing() as connection:
            assert connection.add(dn, classes, values), connection.result

    @contextlib.contextmanager
    def _writing(self):
        from ldap3 import Connection, Server

        server = Server("127.0.0.1", port=self.port, get_info="NO_INFO")
        connection = Connection(server, ADMIN, ADMIN_PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()


@contextlib.contextmanager
def directory(home: Path):
    """Start a directory in an empty folder, and stop it."""
    now = datetime.now(UTC)
    authority = make_authority("Hospital directory", now)
    server = issue_server(authority, ["localhost", "127.0.0.1"], now)
    (home / "ca.pem").write_bytes(authority.certificate_pem)
    (home / "server.pem").write_bytes(server.certificate_pem)
    (home / "server.key").write_bytes(server.key_pem)
    (home / "data").mkdir()
    conf = CONF.format(
        schemas=SCHEMAS, modules=MODULES, home=home, base=BASE, admin=ADMIN, reader=READER,
        admin_password=ADMIN_PASSWORD,
    )  # fmt: skip
    (home / "slapd.conf").write_text(conf)
    (home / "people.ldif").write_text(LDIF)
    argv = [str(SLAPADD), "-q", "-f", str(home / "slapd.conf"), "-l", str(home / "people.ldif")]
    filled = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert filled.returncode == 0, filled.stderr
    made = Slapd(home, free_port(), free_port())
    made.start()
    try:
        yield made
    finally:
        made.stop()
