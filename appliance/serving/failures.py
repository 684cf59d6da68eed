"""Failed loads: why, how often, and when to try again, so that callers cannot start a crash loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from appliance.errors import ApplianceError
from appliance.serving.errors import ModelFailed
from models.card import Bilingual
from models.engines.explain import Failure as EngineFailure
from models.errors import ModelsError

_ENGINE: Final = "engine.failed"
_FIRST_S: Final = 15.0
_MOST_S: Final = 900.0
_MEMORY: Final = ("内存", "显存", "memory")
_OOM: Final = Bilingual(
    "请减小上下文或并发数、换用更小的量化，或卸载其他模型。",
    "Reduce context or slots, use a smaller quantisation, or unload another model.",
)
_CRASH: Final = Bilingual(
    "请用 wardbox model verify 重新校验模型，并查看引擎日志。",
    "Verify the model with wardbox model verify and look at the engine's log.",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failed load of a model.

    Attributes:
        model: Model id.
        digest: Digest of the manifest that failed, "" when it did not come so far.
        code: Code of the refusal.
        reason: Why, as a sentence.
        advice: What to do.
        tries: Loads that failed in a row.
        at: When, on the room's clock in seconds.
        retry_at: When it may be tried again.
        cause: What its engine calls it ("device-memory"); the code where no engine told.
    """

    model: str
    digest: str
    code: str
    reason: Bilingual
    advice: Bilingual
    tries: int
    at: float
    retry_at: float
    cause: str = ""


class Failures:
    """The failed loads of each model; the pause before the next try doubles up to 15 minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_model: dict[str, Failure] = {}

    def note(
        self,
        model: str,
        digest: str,
        error: ApplianceError | ModelsError,
        told: EngineFailure | None = None,
    ) -> Failure:
        """Remember a failed load and when to try again.

        Args:
            model: Model id.
            digest: Digest of the manifest that failed, "" when it did not come so far.
            error: The refusal.
            told: What its engine told of it, which says more than the refusal where there is one.
        """
        own = told if error.code == _ENGINE else None
        before = self._by_model.get(model)
        tries = before.tries + 1 if before is not None and before.digest == digest else 1
        now = self._clock()
        pause = min(_MOST_S, _FIRST_S * 2.0 ** min(tries - 1, 20))
        failure = Failure(
            model=model,
            digest=digest,
            code=error.code,
            reason=Bilingual(error.sentence_zh, error.sentence_en),
            advice=_advice(error) if own is None else own.way_out,
            tries=tries,
            at=now,
            retry_at=now + pause,
            cause=error.code if own is None else own.code,
        )
        self._by_model[model] = failure
        return failure

    def check(self, model: str) -> None:
        """Pass unless the model failed and its pause is not over. Raises ModelFailed."""
        failure = self._by_model.get(model)
        if failure is not None and self._clock() < failure.retry_at:
            raise self.refusal(failure)

    def refusal(self, failure: Failure) -> ModelFailed:
        """The failure as callers are told it."""
        return ModelFailed(
            model=failure.model,
            tries=failure.tries,
            cause=failure.code,
            reason_zh=failure.reason.zh,
            reason_en=failure.reason.en,
            advice_zh=failure.advice.zh,
            advice_en=failure.advice.en,
            retry_after_s=max(1, round(failure.retry_at - self._clock())),
        )

    def get(self, model: str) -> Failure | None:
        """The last failure of a model that was not loaded since."""
        return self._by_model.get(model)

    def all(self) -> tuple[Failure, ...]:
        """Every model that failed and was not loaded since."""
        return tuple(self._by_model.values())

    def forgive(self, model: str) -> None:
        """Forget a model's failures: it was loaded, changed, or a person asks for it."""
        self._by_model.pop(model, None)


def _advice(error: ApplianceError | ModelsError) -> Bilingual:
    if error.code != _ENGINE:
        told = (error.way_out_zh.format(**error.facts), error.way_out_en.format(**error.facts))
        return Bilingual(*told)
    return _OOM if any(word in error.sentence for word in _MEMORY) else _CRASH
