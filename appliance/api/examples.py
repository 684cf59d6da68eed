"""Examples for the OpenAPI document: a body for each kind of wish, a value for each part of a path."""

from typing import Any, Final

_MODEL: Final = "wardbox-reference"
_ADDRESS: Final = "10.20.0.2"
_HEAD: Final = "10.20.0.1"
_ROLE: Final = "clinician"
_PERSON: Final = "dr.li"
_PASSWORD: Final = "eleven grey herons"  # noqa: S105  # shows the form
_PEM: Final = "-----BEGIN {0}-----\nMIIB...\n-----END {0}-----\n"
_LIMITS: Final = {"requests_per_minute": 600, "tokens_per_day": 5_000_000}

BODIES: Final[dict[str, dict[str, Any]]] = {
    "AccountWish": {"name": "his-main", "role": "application", "note": "住院医生站"},
    "AdapterWish": {"id": "note-2026-01", "base": _MODEL, "file": "/srv/adapters/note.gguf"},
    "ApprovalWish": {"action": "users.delete", "subject": _PERSON, "reason": "离职"},
    "ArchiveWish": {"out": "/media/stick/audit-2026", "days": 2190},
    "BackupTargetWish": {"name": "nas", "kind": "directory", "place": "/srv/backup"},
    "BackupWish": {"what": "create", "target": "nas"},
    "BatchRequest": {
        "input_file_id": "file-0123456789abcdef01234567",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"ward": "3"},
    },
    "CertificateWish": {
        "certificate": _PEM.format("CERTIFICATE"),
        "key": "the PEM block of the private key",
    },
    "ClientWish": {"name": "his-main", "key_id": "wbk_0123456789abcdef"},
    "ClusterFound": {"address": _HEAD, "base_port": 6400},
    "ClusterInvitation": {"minutes": 30},
    "ClusterJoin": {"token": "the token that the head showed", "head": _HEAD, "address": _ADDRESS},
    "ClusterLeave": {"drain_s": 120},
    "ClusterMessage": {"message": "eyJ2IjoxfQ=="},
    "ClusterShare": {"name": "qwen3-32b"},
    "DeploymentWish": {"targets": [{"model": _MODEL}]},
    "DirectorySignIn": {"name": _PERSON, "password": _PASSWORD, "totp": "123456"},
    "DraftWish": {"facts": {"主诉": "右眼视物模糊半年"}, "stream": False},
    "Erasure": {"kind": "patient", "subject": "P0042", "confirm": "P0042"},
    "EvaluationWish": {"abilities": ["admission-note"], "limit": 20, "seed": 1},
    "Execution": {"secret": _PASSWORD},
    "ExportWish": {"since": "2026-03-01", "until": "2026-03-31", "formats": ["html", "fhir"]},
    "FineTuningRequest": {
        "model": _MODEL,
        "training_file": "file-0123456789abcdef01234567",
        "suffix": "cataract",
    },
    "ImportWish": {"path": "/media/stick/qwen3-32b", "id": "qwen3-32b"},
    "JobWish": {"kind": "evaluation", "spec": {"abilities": ["admission-note"], "limit": 20}},
    "Keeping": {"pinned": False, "idle_unload_s": 1800},
    "KeyLimits": {**_LIMITS},
    "KeyRotation": {"use": None},
    "KeyWish": {"name": "住院医生站", "scopes": ["chat"], "models": [_MODEL], **_LIMITS},
    "OidcFinish": {"ticket": "from the beginning", "code": "from the provider"},
    "OidcWish": {},
    "PasswordChange": {"old": _PASSWORD, "new": "twelve white cranes"},
    "PasswordReset": {"password": _PASSWORD, "temporary": True},
    "PlanWish": {
        "model": "Qwen3-32B",
        "gpus": "8x H20-96G",
        "tp": 2,
        "context": 32_768,
        "concurrency": 8,
    },
    "ForgetWish": {"patient": "P0042", "confirm": "P0042"},
    "Promotion": {"name": "note"},
    "RoleChange": {"role": _ROLE},
    "RoleScopes": {"scopes": ["chat", "models:read"]},
    "SlotChange": {"present": {"secret": "the passphrase of the vault"}},
    "SlotTest": {"slot": "0123456789abcdef"},
    "SlotWish": {"kind": "recovery", "present": {"secret": "the passphrase of the vault"}},
    "SecretWish": {"value": "the password of the directory account"},
    "SignIn": {"name": _PERSON, "password": _PASSWORD, "totp": "123456"},
    "TotpCode": {"code": "123456"},
    "TotpDemand": {"demanded": True},
    "Unlock": {"secret": "the passphrase of the vault"},
    "RollbackWish": {"kind": "models", "id": "qwen3-32b"},
    "UpdateWish": {"directory": "/media/stick/wardbox-update"},
    "UserWish": {"name": _PERSON, "password": _PASSWORD, "role": _ROLE, "temporary": True},
    "WindowWish": {"window": "22:00-06:00"},
    "WitnessWish": {
        "name": "host-b",
        "key": "host-b/witness+c4f258ea+BF8/1ZYe/aEj1ZfZ3GcCmTcaOyCCbxLfiMx08GLtva49",
    },
    "BroughtNotes": {"notes": [{"name": "cosigned-1-c4f258ea.txt", "note": "wardbox/box-1..."}]},
}
"""By the name of the contract's type; the checks hold that each of them is one."""

PARTS: Final[dict[str, Any]] = {
    "adapter": "note-2026-01",
    "address": _ADDRESS,
    "alert": 1,
    "approval_id": "apr_0123456789abcdef",
    "batch_id": "batch_0123456789abcdef01234567",
    "digest": "0" * 64,
    "entry": "0",
    "export_id": "audit-20260301T080000000000Z",
    "file_id": "file-0123456789abcdef01234567",
    "fingerprint": "ab" * 32,
    "index": 0,
    "job_id": "job_0123456789abcdef",
    "key_id": "wbk_0123456789abcdef",
    "model_id": _MODEL,
    "name": "note",
    "purpose": "train",
    "receipt_id": "rcp_0123456789abcdef",
    "response_id": "resp_0123456789abcdef01234567",
    "session_id": "wbs_0123456789abcdef",
    "slot_id": "0123456789abcdef",
    "way": "ldap",
}
"""By the name of the part in braces."""
