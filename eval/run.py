"""A run: asks the questions of its suites, keeps every answer, resumes, and reports."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.case import Answer, Case, Score
from eval.report import AbilityReport, judge
from eval.subject import Subject
from eval.suite import Suite

Progress = Callable[[Mapping[str, Any]], None]
PROGRESS_EVERY = 10
FORMAT = "wardbox-evaluation/1"


class Run:
    """One run in one directory: `answers.ndjson` grows answer by answer, `report.json` ends it."""

    def __init__(self, directory: Path, progress: Progress) -> None:
        self._answers = directory / "answers.ndjson"
        self._report = directory / "report.json"
        self._progress = progress

    async def examine(self, subject: Subject, suites: Sequence[Suite]) -> dict[str, Any]:
        """Ask what is not answered yet, score all, write and return the report.

        Raises:
            ModelSilent: the model is not there; what was answered stays for the next try.
        """
        known = self._known()
        total = sum(len(suite.cases) for suite in suites)
        reports = []
        done = 0
        with self._answers.open("a", encoding="utf-8") as stream:
            for suite in suites:
                scores: list[Score] = []
                unanswered = 0
                open_cases: list[Case] = []
                for case in suite.cases:
                    answer = known.get(case.id)
                    if answer is None:
                        open_cases.append(case)
                    else:
                        scores.append(suite.ability.score(case, answer))
                done += len(scores)
                async with aclosing(subject.answers(open_cases)) as answers:
                    async for case, answer in answers:
                        if answer.error is None:
                            stream.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
                            stream.flush()
                        else:
                            unanswered += 1
                        scores.append(suite.ability.score(case, answer))
                        done += 1
                        if done % PROGRESS_EVERY == 0 or done == total:
                            self._tell(suite, scores, done, total)
                reports.append(judge(suite, scores, unanswered))
        return self._write(reports)

    def _tell(self, suite: Suite, scores: Sequence[Score], done: int, total: int) -> None:
        passed = sum(score.passed for score in scores)
        self._progress(
            {
                "step": done,
                "steps": total,
                "ability": suite.ability.id,
                "passed": passed,
                "answered": len(scores),
            }
        )

    def _known(self) -> dict[str, Answer]:
        """Answers of an earlier, interrupted try; a torn last line is asked again."""
        if not self._answers.exists():
            return {}
        found = {}
        for line in self._answers.read_text(encoding="utf-8").splitlines():
            try:
                answer = Answer(**json.loads(line))
            except (ValueError, TypeError):
                continue
            found[answer.case] = answer
        return found

    def _write(self, reports: Sequence[AbilityReport]) -> dict[str, Any]:
        document = {
            "format": FORMAT,
            "decoding": {"temperature": 0, "seed": 0},
            "abilities": [report.to_json() for report in reports],
        }
        fresh = self._report.with_suffix(".fresh")
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, ensure_ascii=False, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._report)
        return document
