"""Prometheus' text format: counters and facts into families, in a registry of the box's own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from appliance.telemetry import metrics
from appliance.telemetry.commits import BOUNDS_S as COMMIT_BOUNDS_S
from appliance.telemetry.commits import Commits
from appliance.telemetry.facts import BackupFacts, EngineFacts, Facts
from appliance.telemetry.metrics import Metric
from appliance.telemetry.observed import BOUNDS_S, CLASSES, Histogram, Observed
from appliance.telemetry.store import Alert
from models.engines.lifecycle_table import State
from models.hardware.facts import Accelerator

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
QUOTA_CODE: Final = "access.quota-exceeded"
_VAULT: Final = ("absent", "locked", "unlocked")
_JOBS: Final = ("queued", "running", "done", "failed", "cancelled", "interrupted")
_DAY_S: Final = 86_400.0
_MOST_ENGINES: Final = 64

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Row = tuple[Sequence[str], float | None]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that one answer is made from."""

    observed: Observed
    commits: Commits
    facts: Facts
    alerts: tuple[Alert, ...] = ()
    followers: int = 0


def render(picture: Picture) -> bytes:
    """The text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(picture))
    return generate_latest(registry)


class _Once(Collector):
    """Hands one picture over; nothing is kept between two scrapes."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    @override
    def collect(self) -> Iterator[Family]:
        """Every family that has something to say."""
        picture = self._picture
        yield from _traffic(picture.observed)
        yield from _engines(picture.facts.engines or ())
        yield from _cards(picture.facts)
        yield from _audit(picture)
        yield from _box(picture)
        yield from _backups(picture.facts.backups)
        yield from _outside(picture.facts)


def _family(metric: Metric, rows: Iterable[Row]) -> Iterator[Family]:
    """One family of a counter or gauge; rows without a value are left out, and so is an empty family."""
    told = [(labels, value) for labels, value in rows if value is not None]
    if not told:
        return
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind == "counter":
        family = CounterMetricFamily(metric.name, metric.en, labels=metric.labels)
    else:
        family = GaugeMetricFamily(metric.name, metric.en, labels=metric.labels)
    for labels, value in told:
        family.add_metric(labels, value)
    yield family


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Prometheus counts every bucket with those below it; the last one is without bound."""
    names = [*(f"{bound:g}" for bound in bounds), "+Inf"]
    return [(name, float(n)) for name, n in zip(names, accumulate(counts), strict=True)]


def _histogram(metric: Metric, rows: Iterable[tuple[Sequence[str], Histogram]]) -> Iterator[Family]:
    family = HistogramMetricFamily(metric.name, metric.en, labels=metric.labels)
    for labels, one in rows:
        if any(one.buckets):
            family.add_metric(labels, _buckets(BOUNDS_S, one.buckets), one.total)
    if family.samples:
        yield family


def _traffic(observed: Observed) -> Iterator[Family]:
    series, refusals = observed.series(), observed.refusals()
    yield from _family(
        metrics.REQUESTS,
        (
            ((*key, name), float(count))
            for key, one in series.items()
            for name, count in zip(CLASSES, one.classes, strict=True)
            if count
        ),
    )
    yield from _histogram(metrics.LATENCY, ((key, one.latency) for key, one in series.items()))
    yield from _histogram(
        metrics.FIRST_TOKEN, ((key, one.first_token) for key, one in series.items())
    )
    asked = [(key, one) for key, one in series.items() if one.prompt_tokens]
    yield from _family(metrics.PROMPT_TOKENS, ((key, one.prompt_tokens) for key, one in asked))
    yield from _family(
        metrics.COMPLETION_TOKENS, ((key, one.completion_tokens) for key, one in asked)
    )
    yield from _family(metrics.REFUSALS, refusals.items())
    quota = sum(count for (_, code), count in refusals.items() if code == QUOTA_CODE)
    yield from _family(metrics.QUOTA_REFUSALS, [((), quota)])


def _engines(engines: Sequence[EngineFacts]) -> Iterator[Family]:
    some = engines[:_MOST_ENGINES]
    yield from _family(
        metrics.ENGINE_STATE,
        (((one.model, str(s)), float(one.state == s)) for one in some for s in State),
    )
    for metric, values in (
        (metrics.ENGINE_RESTARTS, [one.restarts for one in some]),
        (metrics.ENGINE_MEMORY_DEATHS, [one.memory_deaths for one in some]),
        (metrics.IN_FLIGHT, [one.in_flight for one in some]),
        (metrics.QUEUED, [one.queued for one in some]),
    ):
        yield from _family(
            metric, (((one.model,), value) for one, value in zip(some, values, strict=True))
        )


def _cards(facts: Facts) -> Iterator[Family]:
    cards = facts.cards or ()

    def rows(metric: Metric, values: list[float | None]) -> Iterator[Family]:
        yield from _family(metric, zip(map(_card, cards), values, strict=True))

    yield from rows(metrics.CARD_MEMORY, [one.memory_bytes for one in cards])
    yield from rows(
        metrics.CARD_MEMORY_USED, [one.memory_bytes - one.memory_free_bytes for one in cards]
    )
    yield from rows(metrics.CARD_BUSY, [one.utilisation for one in cards])
    yield from rows(metrics.CARD_HEAT, [one.temperature_c for one in cards])
    yield from rows(metrics.CARD_POWER, [one.power_w for one in cards])
    yield from rows(metrics.CARD_ECC, [one.ecc_errors for one in cards])
    yield from _family(metrics.XIDS, [((), None if facts.xids is None else len(facts.xids))])


def _card(card: Accelerator) -> tuple[str, str]:
    return card.vendor, str(card.index)


def _audit(picture: Picture) -> Iterator[Family]:
    audit, commits = picture.facts.audit, picture.commits
    if audit is not None:
        verified = None if audit.verified is None else float(audit.verified)
        yield from _family(metrics.AUDIT_HEALTHY, [((), float(audit.healthy))])
        yield from _family(metrics.AUDIT_VERIFIED, [((), verified)])
        yield from _family(metrics.AUDIT_ENTRIES, [((), audit.entries)])
        yield from _family(metrics.AUDIT_WAITING, [((), commits.waiting)])
    yield from _family(metrics.AUDIT_EVENTS, [((), commits.events or None)])
    if any(commits.buckets):
        metric = metrics.AUDIT_COMMIT
        family = HistogramMetricFamily(metric.name, metric.en, labels=())
        family.add_metric((), _buckets(COMMIT_BOUNDS_S, commits.buckets), commits.seconds)
        yield family


def _box(picture: Picture) -> Iterator[Family]:
    facts = picture.facts
    expires = facts.certificate_expires
    days = None if expires is None else (expires - facts.time) / _DAY_S
    yield from _family(metrics.VAULT, (((s,), float(facts.vault == s)) for s in _VAULT))
    if facts.engines is not None:
        yield from _family(metrics.JOBS, (((s,), facts.jobs.get(s, 0)) for s in _JOBS))
    raised: dict[tuple[str, str], int] = {}
    for alert in picture.alerts:
        key = (alert.rule, alert.severity)
        raised[key] = raised.get(key, 0) + 1
    yield from _family(metrics.ALERTS, raised.items())
    for metric, value in (
        (metrics.DISK, facts.disk_bytes),
        (metrics.DISK_FREE, facts.disk_free_bytes),
        (metrics.CERTIFICATE, days),
        (metrics.POSTURE, facts.posture_level),
        (metrics.RESIDENT, facts.process.resident_bytes),
        (metrics.OPEN_FILES, facts.process.open_files),
        (metrics.FILE_LIMIT, facts.process.file_limit),
        (metrics.FOLLOWERS, picture.followers),
    ):
        yield from _family(metric, [((), value)])


def _backups(targets: Sequence[BackupFacts] | None) -> Iterator[Family]:
    if targets is None:
        return
    ages = {
        "create": max((one.created_age_s for one in targets), default=None),
        "verify": max((one.verified_age_s for one in targets), default=None),
        "drill": max((one.drilled_age_s for one in targets), default=None),
    }
    yield from _family(metrics.BACKUP_TARGETS, [((), len(targets))])
    yield from _family(metrics.BACKUP_AGE, (((what,), age) for what, age in ages.items()))
    yield from _family(metrics.BACKUP_FAILED, [((), sum(bool(one.failed) for one in targets))])
    yield from _family(metrics.BACKUP_DAMAGED, [((), sum(one.damaged for one in targets))])


def _outside(facts: Facts) -> Iterator[Family]:
    seen, forward = facts.witnesses, facts.forward
    rows: list[tuple[Metric, float | None]] = []
    if seen is not None:
        rows += [
            (metrics.WITNESSES, seen.witnesses),
            (metrics.WITNESSES_STALE, len(seen.stale)),
            (metrics.WITNESS_AGE, seen.oldest_s),
            (metrics.SECOND_KEY, float(not seen.trouble_en)),
        ]
    if forward is not None:
        rows += [
            (metrics.FORWARD_BEHIND, forward.behind),
            (metrics.FORWARD_LAG, forward.lag_s),
            (metrics.FORWARD_OK, float(not forward.failing_s and not forward.misconfigured)),
            (metrics.FORWARDED, forward.messages),
        ]
    for metric, value in rows:
        yield from _family(metric, [((), value)])
