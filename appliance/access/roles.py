"""Roles and the scopes each of them holds; one table decides who may do what."""

from typing import Final

SCOPES: Final[frozenset[str]] = frozenset(
    {
        "chat",
        "models:read",
        "models:write",
        "specialists",
        "jobs:read",
        "jobs:write",
        "audit:read",
        "audit:export",
        "audit:bodies",
        "keys:read",
        "keys:write",
        "users:read",
        "users:write",
        "system:read",
        "vault:write",
        "updates:write",
        "backups:write",
        "evaluation:read",
        "evaluation:write",
        "tuning:write",
        "alerts:read",
        "alerts:write",
        "metrics",
        "usage:read",
        "cluster:write",
    }
)
# Whoever holds one of these can make themselves anything; two-person actions guard them.
ADMIN_SCOPES: Final = frozenset({"users:write"})

# A clinician drafts and reads; an auditor reads the record and nothing clinical; an application is a
# program of the hospital and can never administer, whatever its key asks for.
ROLES: Final[dict[str, frozenset[str]]] = {
    "administrator": SCOPES,
    "informatics": frozenset(
        {
            "chat",
            "models:read",
            "models:write",
            "specialists",
            "jobs:read",
            "jobs:write",
            "keys:read",
            "keys:write",
            "system:read",
            "evaluation:read",
            "evaluation:write",
            "tuning:write",
            "alerts:read",
            "alerts:write",
            "metrics",
            "usage:read",
        }
    ),
    "clinician": frozenset({"chat", "models:read", "specialists", "system:read"}),
    "auditor": frozenset(
        {
            "models:read",
            "audit:read",
            "audit:export",
            "system:read",
            "jobs:read",
            "evaluation:read",
            "alerts:read",
            "usage:read",
        }
    ),
    "application": frozenset({"chat", "models:read", "specialists", "system:read"}),
}

# The role written in the grant of an API key.
KEY_ROLE: Final = "application"
# The role of whoever reaches the local Unix socket; the file's mode is the lock.
LOCAL_ROLE: Final = "administrator"
