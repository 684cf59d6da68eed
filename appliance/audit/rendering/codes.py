"""The coded words of healthcare audit: DICOM PS3.16 context groups 400-403, and whom a tag concerns."""

from typing import Final, NamedTuple


class Code(NamedTuple):
    """A coded value of DICOM's own terminology.

    Attributes:
        value: the code.
        meaning: its meaning, as DICOM spells it.
    """

    value: str
    meaning: str


APPLICATION_ACTIVITY: Final = Code("110100", "Application Activity")
AUDIT_LOG_USED: Final = Code("110101", "Audit Log Used")
EXPORT: Final = Code("110106", "Export")
IMPORT: Final = Code("110107", "Import")
PATIENT_RECORD: Final = Code("110110", "Patient Record")
SECURITY_ALERT: Final = Code("110113", "Security Alert")
USER_AUTHENTICATION: Final = Code("110114", "User Authentication")

APPLICATION_START: Final = Code("110120", "Application Start")
APPLICATION_STOP: Final = Code("110121", "Application Stop")
LOGIN: Final = Code("110122", "Login")
LOGOUT: Final = Code("110123", "Logout")
NODE_AUTHENTICATION: Final = Code("110126", "Node Authentication")
NETWORK_CONFIGURATION: Final = Code("110128", "Network Configuration")
SECURITY_CONFIGURATION: Final = Code("110129", "Security Configuration")
HARDWARE_CONFIGURATION: Final = Code("110130", "Hardware Configuration")
SOFTWARE_CONFIGURATION: Final = Code("110131", "Software Configuration")
RESTRICTED_FUNCTION: Final = Code("110132", "Use of Restricted Function")
RECORDING_STOPPED: Final = Code("110133", "Audit Recording Stopped")
RECORDING_STARTED: Final = Code("110134", "Audit Recording Started")
ROLES_CHANGED: Final = Code("110136", "Security Roles Changed")
USER_ATTRIBUTES_CHANGED: Final = Code("110137", "User Security Attributes Changed")

APPLICATION: Final = Code("110150", "Application")
DESTINATION_ROLE: Final = Code("110152", "Destination Role ID")
SOURCE_ROLE: Final = Code("110153", "Source Role ID")

REPORT: Final = 3
RESOURCE: Final = 4
USER: Final = 6
SECURITY_USER: Final = 11
SECURITY_RESOURCE: Final = 13
JOB: Final = 20
"""Roles of an object (ParticipantObjectTypeCodeRole; FHIR object-role has the same numbers)."""


class Subject(NamedTuple):
    """What the events of one "source:subject" are about.

    Attributes:
        event: the DICOM event.
        kinds: its finer types.
        role: the role of the thing that it was done to.
    """

    event: Code
    kinds: tuple[Code, ...] = ()
    role: int = RESOURCE


UNKNOWN: Final = Subject(APPLICATION_ACTIVITY)
"""Tags of later versions are plain activity of an application."""

_PEOPLE: Final = Subject(SECURITY_ALERT, (USER_ATTRIBUTES_CHANGED,), SECURITY_USER)
_SECRETS: Final = Subject(SECURITY_ALERT, (SECURITY_CONFIGURATION,), SECURITY_RESOURCE)
_RESTRICTED: Final = Subject(SECURITY_ALERT, (RESTRICTED_FUNCTION,), SECURITY_RESOURCE)
_SOFTWARE: Final = Subject(SECURITY_ALERT, (SOFTWARE_CONFIGURATION,))
_HARDWARE: Final = Subject(SECURITY_ALERT, (HARDWARE_CONFIGURATION,))
_NETWORK: Final = Subject(SECURITY_ALERT, (NETWORK_CONFIGURATION,))
_LOG: Final = Subject(AUDIT_LOG_USED, (), SECURITY_RESOURCE)
_WORK: Final = Subject(APPLICATION_ACTIVITY, (), JOB)

SUBJECTS: Final = {
    "access:account": _PEOPLE,
    "access:approval": _RESTRICTED,
    "access:certificate": _PEOPLE,
    "access:directory": _SECRETS,
    "access:key": _PEOPLE,
    "access:role": Subject(SECURITY_ALERT, (ROLES_CHANGED,), SECURITY_USER),
    "access:session": Subject(USER_AUTHENTICATION, (), USER),
    "access:totp": _PEOPLE,
    "access:usage": Subject(EXPORT, (), REPORT),
    "access:user": _PEOPLE,
    "alert:rule": Subject(SECURITY_ALERT),
    "audit:body": Subject(PATIENT_RECORD, (), REPORT),
    "audit:log": _LOG,
    "backup:box": Subject(IMPORT),
    "backup:copy": Subject(APPLICATION_ACTIVITY),
    "backup:snapshot": Subject(EXPORT),
    "backup:target": _SECRETS,
    "batch:run": _WORK,
    "box:audit": _LOG,
    "box:certificate": _SECRETS,
    "box:clock": _SECRETS,
    "cluster:member": _NETWORK,
    "cluster:model": _NETWORK,
    "cluster:peer": Subject(SECURITY_ALERT, (NODE_AUTHENTICATION,)),
    "evaluation:run": _WORK,
    "file:content": Subject(IMPORT),
    "firmware:check": _HARDWARE,
    "firmware:policy": _HARDWARE,
    "job:run": _WORK,
    "model:completion": Subject(APPLICATION_ACTIVITY, (), REPORT),
    "model:response": Subject(APPLICATION_ACTIVITY, (), REPORT),
    "model:shelf": Subject(IMPORT),
    "settings:box": _SOFTWARE,
    "specialist:admission-note": Subject(PATIENT_RECORD, (), REPORT),
    "tuning:run": _WORK,
    "update:bundle": _SOFTWARE,
    "update:health": _SOFTWARE,
    "update:package": _SOFTWARE,
    "vault:key": _SECRETS,
    "vault:root": _RESTRICTED,
    "vault:slot": _SECRETS,
    "vault:volume": _HARDWARE,
}

EXACTLY: Final = {
    "access:session:close": Subject(USER_AUTHENTICATION, (LOGOUT,), USER),
    "access:session:open": Subject(USER_AUTHENTICATION, (LOGIN,), USER),
    "access:session:refuse": Subject(USER_AUTHENTICATION, (LOGIN,), USER),
    "access:session:revoke": Subject(USER_AUTHENTICATION, (LOGOUT,), USER),
    "box:audit:gap": Subject(SECURITY_ALERT, (RECORDING_STOPPED,), SECURITY_RESOURCE),
    "box:audit:start": Subject(SECURITY_ALERT, (RECORDING_STARTED,), SECURITY_RESOURCE),
    "box:audit:stop": Subject(SECURITY_ALERT, (RECORDING_STOPPED,), SECURITY_RESOURCE),
    "box:audit:unclean-stop": Subject(SECURITY_ALERT, (RECORDING_STOPPED,), SECURITY_RESOURCE),
    "cluster:peer:ask": Subject(EXPORT),
    "cluster:peer:serve": Subject(IMPORT),
    "file:content:delete": Subject(APPLICATION_ACTIVITY),
    "model:engine:evict": Subject(APPLICATION_ACTIVITY, (APPLICATION_STOP,)),
    "model:engine:fail": Subject(APPLICATION_ACTIVITY, (APPLICATION_START,)),
    "model:engine:load": Subject(APPLICATION_ACTIVITY, (APPLICATION_START,)),
    "model:engine:unload": Subject(APPLICATION_ACTIVITY, (APPLICATION_STOP,)),
    "model:shelf:remove": Subject(APPLICATION_ACTIVITY),
    "model:shelf:verify": Subject(APPLICATION_ACTIVITY),
}
"""Tags that are something else than their siblings."""

_BY_ACTION: Final = {
    "C": (
        "accept add admit answer create define draft enrol found install invite issue join keep "
        "register submit"
    ),
    "R": "drill export read verify",
    "U": (
        "apply approve change confirm demand disable enable grow pin promote renew revert secret "
        "set share unpin withhold"
    ),
    "D": "delete erase forget leave remove revoke strike withdraw",
}
ACTIONS: Final = {verb: code for code, verbs in _BY_ACTION.items() for verb in verbs.split()}
"""Create, read, update, delete; every other verb executes."""

MINOR: Final = frozenset({"cancel", "evict", "fail", "lose", "refuse", "turn-away"})
SERIOUS: Final = frozenset({"gap", "unclean-stop"})
