"""What metrics and alerts are made from: one frozen picture of the box, gathered every few seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.telemetry.facts_outside import ForwardFacts, WitnessFacts
from models.hardware.facts import Accelerator


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """One engine.

    Attributes:
        model: The model it serves.
        state: Where it stands, as `models.engines.lifecycle_table.State` spells it.
        restarts: Starts after the first.
        recent_restarts: Those of the last ten minutes.
        memory_deaths: How often it was seen to end for lack of memory.
        in_flight: Requests being answered.
        queued: Requests that wait for one of its connections; None where unknown.
        reason_zh: Why it last failed, in Chinese.
        reason_en: The same in English.
    """

    model: str
    state: str
    restarts: int = 0
    recent_restarts: int = 0
    memory_deaths: int = 0
    in_flight: int = 0
    queued: int | None = None
    reason_zh: str = ""
    reason_en: str = ""


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """The audit log: whether its last commit succeeded, its size, and its last verification.

    `embodied` says whether the bodies behind its entries are kept, as they should be.
    """

    healthy: bool
    entries: int
    verified: bool | None
    embodied: bool = True


@dataclass(frozen=True, slots=True)
class QuotaFacts:
    """The limit of a key that is nearest to its end: the share of it that is used, 0 to 1."""

    key_id: str
    limit: str
    used: float


@dataclass(frozen=True, slots=True)
class AreaFacts:
    """An area of the vault with a quota: bytes used, and the quota in bytes."""

    name: str
    used: int
    quota: int


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """This process: resident memory in bytes, open files, and how many it may open."""

    resident_bytes: int
    open_files: int
    file_limit: int


@dataclass(frozen=True, slots=True)
class XidError:
    """One error line of NVIDIA's driver.

    Attributes:
        card: PCI address of the card.
        code: The Xid.
    """

    card: str
    code: int


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """One target of backups; what never happened is as old as the target itself.

    Attributes:
        target: Its name.
        kind: "directory", "disk" or "sftp".
        created_age_s: Seconds since the last good backup.
        verified_age_s: Seconds since a check last found it whole.
        drilled_age_s: Seconds since a restore was last rehearsed with success.
        failed: Code of the last backup, when it failed; else empty.
        damaged: Objects that the last check found damaged.
    """

    target: str
    kind: str
    created_age_s: float
    verified_age_s: float
    drilled_age_s: float
    failed: str = ""
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """The box at one moment; None stands for what could not be seen, and raises no alert.

    Attributes:
        time: Unix time in seconds.
        vault: "absent", "locked" or "unlocked".
        disk_bytes: Size of the file system that holds the state.
        disk_free_bytes: What the box may still write there.
        process: This process.
        certificate_expires: When the server certificate ends, Unix seconds.
        clock_step_s: The largest jump of the wall clock in the last hour, seconds; 0 for none.
        engines: The engines; None while the vault is locked.
        cards: The accelerators; None where they were not looked at.
        xids: Driver errors of the last hour; None where the kernel's log cannot be read.
        audit: The audit log; None while the vault is locked.
        jobs: Jobs by state.
        quotas: Keys with a limit.
        posture_level: Level of the last firmware report.
        posture_missing: Checks that stand between this level and the next.
        backups: The targets of backups; None while the vault is locked.
        areas: Areas of the vault that have a quota; None while it is locked.
        witnesses: Who cosigns the record; None while the vault is locked.
        forward: Forwarding to the SIEM; None while it is off.
    """

    time: float
    vault: str
    disk_bytes: int
    disk_free_bytes: int
    process: ProcessFacts
    certificate_expires: float | None = None
    clock_step_s: float = 0.0
    engines: tuple[EngineFacts, ...] | None = None
    cards: tuple[Accelerator, ...] | None = None
    xids: tuple[XidError, ...] | None = None
    audit: AuditFacts | None = None
    jobs: Mapping[str, int] = field(default_factory=dict)
    quotas: tuple[QuotaFacts, ...] | None = None
    posture_level: int | None = None
    posture_missing: tuple[str, ...] = ()
    backups: tuple[BackupFacts, ...] | None = None
    witnesses: WitnessFacts | None = None
    forward: ForwardFacts | None = None
    areas: tuple[AreaFacts, ...] | None = None
