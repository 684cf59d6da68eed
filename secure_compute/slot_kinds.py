"""The kinds of slots: what stands in the key derivation of each, and how a secret becomes its key."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from argon2.low_level import Type, hash_secret_raw

from secure_compute.errors import AlgorithmUnknown, SealedRootMalformed
from secure_compute.secret import Secret, scrub
from secure_compute.shares import FEWEST, MOST
from secure_compute.suites import AES_256_GCM, expand
from secure_compute.tang import TangBinding
from secure_compute.tpm import SealedInTpm

PASSPHRASE: Final = "passphrase"  # noqa: S105  # the name of a kind
RECOVERY: Final = "recovery"
MACHINE: Final = "machine"
TPM: Final = "tpm"
SHARES: Final = "shares"
KEY_FILE: Final = "keyfile"
NETWORK: Final = "network"
PERSON_HELD: Final = frozenset({PASSPHRASE, RECOVERY, SHARES})
"""What people carry in heads and on paper: one of these must always remain."""

SALT_SIZE: Final = 16
_LONGEST: Final = 4096
# What a document may ask of the machine: an altered one must not exhaust it.
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"memory_kib": (8, 1 << 20), "passes": (1, 16), "lanes": (1, 16)}
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table.

    Attributes:
        algorithm: How the key comes about; a new way is a new id.
        costly: Argon2id with its cost stands in the slot.
        fields: What else stands there; text, bound to the slot.
        judge: Raises ValueError, KeyError or TypeError for fields that make no sense.
    """

    algorithm: str
    costly: bool = False
    fields: tuple[str, ...] = ()
    judge: Callable[[Mapping[str, Any]], object] = bool


def _judge_shares(fields: Mapping[str, Any]) -> None:
    needed, count = int(fields["needed"]), int(fields["count"])
    names = fields["holders"].split("\n")
    good = FEWEST <= needed <= count <= MOST and len(names) == len(set(names)) == count
    if not good or len(bytes.fromhex(fields["set"])) != 4:  # noqa: PLR2004  # as a share names it
        raise ValueError


def _judge_file(fields: Mapping[str, Any]) -> None:
    if len(bytes.fromhex(fields["file"])) != 8:  # noqa: PLR2004  # as a key file names itself
        raise ValueError


def _judge_network(fields: Mapping[str, Any]) -> None:
    TangBinding.parse(fields)
    if not fields["url"].startswith(("http://", "https://")):
        raise ValueError


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        PASSPHRASE: Kind("argon2id", costly=True),
        RECOVERY: Kind("hkdf-sha256"),
        MACHINE: Kind("hkdf-sha256"),
        TPM: Kind(
            "tpm2-pcr-hkdf-sha256",
            False,
            ("parent", "pcrs", "private", "public"),
            SealedInTpm.parse,
        ),
        SHARES: Kind(
            "shamir-hkdf-sha256", False, ("count", "holders", "needed", "set"), _judge_shares
        ),
        KEY_FILE: Kind("argon2id-file-hkdf-sha256", True, ("file",), _judge_file),
        NETWORK: Kind(
            "tang-hkdf-sha256", False, ("exchange", "public", "thumbprint", "url"), _judge_network
        ),
    }
)


def check_kdf(kind: str, kdf: Any) -> None:
    """Pass, or refuse the key derivation of a slot.

    Raises:
        SealedRootMalformed: It is not what a slot of the kind has.
        AlgorithmUnknown: The kind or its algorithm is none of this release.
    """
    if kind not in KINDS:
        raise AlgorithmUnknown(algorithm=kind[:64])
    wanted = KINDS[kind]
    require(isinstance(kdf, dict), "a slot has no key derivation")
    bounds = _BOUNDS if wanted.costly else {}
    names = {"algorithm", "salt", *bounds, *wanted.fields}
    require(kdf.keys() == names, "a key derivation has other fields")
    if kdf["algorithm"] != wanted.algorithm:
        raise AlgorithmUnknown(algorithm=str(kdf["algorithm"])[:64])
    require(isinstance(kdf["salt"], str), "a salt is damaged")
    require(len(b64decode(kdf["salt"], validate=True)) == SALT_SIZE, "a salt is damaged")
    for name, (low, high) in bounds.items():
        value = kdf[name]
        require(type(value) is int and low <= value <= high, "{name} is out of bounds", name=name)
    if bounds:
        # The least that argon2 itself accepts (RFC 9106 3.1).
        enough = kdf["memory_kib"] >= 8 * kdf["lanes"]
        require(enough, "{name} is out of bounds", name="memory_kib")
    _check_fields(wanted, kdf)


def _check_fields(wanted: Kind, kdf: Mapping[str, Any]) -> None:
    for name in wanted.fields:
        value = kdf[name]
        require(isinstance(value, str) and 0 < len(value) <= _LONGEST, "a slot is damaged")
    try:
        wanted.judge(kdf)
    except (ValueError, KeyError, TypeError, Base64Error) as error:
        raise SealedRootMalformed(reason="a slot is damaged") from error


def derive(kind: str, secret: Secret, file_key: Secret | None, kdf: Mapping[str, Any]) -> Secret:
    """The 32-byte key of a slot.

    Args:
        kind: Of the slot.
        secret: The passphrase, or 32 bytes.
        file_key: The 32 bytes of a key file, for that kind alone.
        kdf: As `check_kdf` passed it.
    """
    salt = b64decode(kdf["salt"])
    info = f"wardbox/v1/slot-{kind}".encode()
    if not KINDS[kind].costly:
        return expand(AES_256_GCM, secret, 32, info, salt)
    bare = hash_secret_raw(
        secret.reveal(),
        salt,
        time_cost=kdf["passes"],
        memory_cost=kdf["memory_kib"],
        parallelism=kdf["lanes"],
        hash_len=32,
        type=Type.ID,
    )
    made = Secret(bare)
    scrub(bare)
    if file_key is None:
        return made
    with made, Secret(made.reveal() + file_key.reveal()) as both:
        return expand(AES_256_GCM, both, 32, info, salt)


def require(holds: bool, reason: str, **facts: str) -> None:  # noqa: FBT001  # an assertion that stays on
    """Pass, or raise SealedRootMalformed with the reason."""
    if not holds:
        raise SealedRootMalformed(reason=reason, **facts)
