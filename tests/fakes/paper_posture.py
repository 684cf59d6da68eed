"""The posture of the box of paper: a report with findings of every impact, and half a year of nights."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from appliance.contract.base import Text
from appliance.contract.posture import (
    CheckView,
    EvidenceView,
    FollowedView,
    Follows,
    PostureHistory,
    PostureReport,
    PostureRun,
    PostureSummary,
)
from tests.fakes.paper import API, NASTY, NOON, Route, problem, refuse, say

RUNS = 150


def posture_summary(nasty: str, consequence: Follows = "nothing") -> PostureSummary:
    return PostureSummary(
        verdict="warn",
        level=2,
        digest="0" * 64,
        checked=NOON,
        passed=10,
        failed=1,
        unknown=1,
        sentence=Text(zh="安全启动未开启。" + nasty, en="Secure Boot is off."),
        consequence=consequence,
    )


def _check(name: str, verdict: str, severity: str, words: tuple[str, str], nasty: str) -> CheckView:
    told: dict[str, Any] = {"id": name, "verdict": verdict, "severity": severity}
    return CheckView(
        **told,
        title=Text(zh=name, en="check"),
        found=Text(zh=words[0] + nasty, en=words[1]),
        remedy=Text(zh="在固件设置中开启。", en="Turn it on in the firmware setup."),
        harm=Text(zh="任何人的内核都能启动。", en="Anybody's kernel can start."),
        level=1,
        evidence=(EvidenceView(source="SecureBoot", value="0" + nasty),),
        references=("UEFI 2.10",),
    )


def checks(nasty: str = "") -> tuple[CheckView, ...]:
    """Findings of every impact, and what is well."""
    rows = (
        ("keys.suite", "pass", "medium", ("国际算法:AES-256-GCM。", "International: AES-256-GCM.")),
        ("secure-boot.on", "fail", "high", ("安全启动未开启。", "Secure Boot is off.")),
        (
            "keys.memory-locked",
            "pass",
            "high",
            ("密钥内存已锁定。", "The memory of keys is locked."),
        ),
        (
            "baseline.registers",
            "fail",
            "critical",
            (
                "启动过程与基线不同:PCR 4 变化:shim 15.7 -> 15.8。",
                "The start differs from the baseline: PCR 4 changed: shim 15.7 -> 15.8.",
            ),
        ),
        (
            "tpm.maker",
            "unknown",
            "medium",
            ("TPM 中没有厂商证书。", "The TPM holds no certificate."),
        ),
        ("clock.plausible", "fail", "low", ("时钟相差一小时。", "The clocks are an hour apart.")),
        ("gpu.confidential", "not_applicable", "low", ("没有 GPU。", "There is no GPU.")),
    )
    return tuple(_check(*row, nasty) for row in rows)


def run_of(number: int) -> PostureRun:
    """The run of so many nights ago: the box became better, and worse for a week."""
    level = 4 if number < 20 else 2 if number < 27 else 3 if number < 80 else 1
    if number == 0:
        level = 2
    return PostureRun(
        checked=NOON - timedelta(days=number),
        actor="box",
        reason="boot" if number == 0 else "night",
        digest=f"{number:064x}",
        level=level,
        passed=70 + level,
        failed=4 - level,
        unknown=2,
        consequence="stop-training" if number == 0 else "warn",
        version="0.1.0",
    )


@dataclass
class PaperPosture:
    """What the checks found, and how often somebody asked for them anew."""

    hostile: bool = False
    sound: bool = False
    checks_asked: int = 0
    broken_checks: bool = False
    consequence: Follows = "nothing"

    def posture_routes(self) -> list[Route]:
        return [
            ("GET", f"{API}/posture", self._posture),
            ("POST", f"{API}/posture/check", self._check_now),
            ("GET", f"{API}/posture/history", self._history),
        ]

    def _report(self) -> PostureReport:
        nasty = NASTY if self.hostile else ""
        found = checks(nasty)
        if self.sound:
            found = tuple(one for one in found if one.verdict == "pass")
            summary = posture_summary("").model_copy(update={"level": 4, "verdict": "pass"})
            return PostureReport(summary=summary, checks=found)
        return PostureReport(
            summary=posture_summary(nasty),
            checks=found,
            missing=("secure-boot.on", "baseline.registers", "tpm.maker"),
            followed=FollowedView(consequence="stop-training", checks=("baseline.registers",)),
        )

    async def _posture(self, _: web.Request) -> web.Response:
        return say(self._report())

    async def _check_now(self, _: web.Request) -> web.Response:
        if self.broken_checks:
            return refuse(
                problem(500, "firmware.root-unusable", "无法检查。", "It cannot be checked.")
            )
        self.checks_asked += 1
        return say(self._report())

    async def _history(self, request: web.Request) -> web.Response:
        limit = int(request.query["limit"])
        runs = () if self.sound else tuple(run_of(number) for number in range(min(limit, RUNS)))
        return say(PostureHistory(runs=runs))
