"""One whole question to the planner, from words to numbers: serving and, if asked, training."""

from dataclasses import dataclass

from models.planning.advice import Advice, advise
from models.planning.errors import CountRefused
from models.planning.fleet import Fleet
from models.planning.precision import Precision
from models.planning.report import plan_json, plan_text
from models.planning.serving import MOST_CONCURRENCY, Question, ServingPlan, plan_serving
from models.planning.shape import ModelShape
from models.planning.training import METHODS, Course, TrainingPlan, plan_training

_CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What somebody wants to know, as it was written; None leaves the choice to the plan.

    Attributes:
        gpus: Cards, as in "8x H20-96G".
        tp: Cards that share one copy.
        context: Tokens for which each sequence has room.
        concurrency: Requests at once.
        prompt: Tokens of a typical prompt.
        output: Tokens of a typical answer.
        precision: Name of a precision.
        train: Whether training is planned too.
        sequence: Tokens of a training sample.
        samples: Training samples of one step on each card.
        rank: Rank of adapters.
    """

    gpus: str
    tp: int | None = None
    context: int | None = None
    concurrency: int | None = None
    prompt: int | None = None
    output: int | None = None
    precision: str | None = None
    train: bool = False
    sequence: int | None = None
    samples: int | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to an inquiry.

    Attributes:
        model: Name of the model.
        serving: How to serve it.
        advice: How to start an engine for it.
        training: Each way to train it; none where nobody asked.
    """

    model: str
    serving: ServingPlan
    advice: Advice
    training: tuple[TrainingPlan, ...]

    def to_json(self) -> dict[str, object]:
        """The wire form."""
        return plan_json(self.model, self.serving, self.advice, self.training)

    def to_text(self) -> str:
        """For people."""
        return plan_text(self.model, self.serving, self.advice, self.training)


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to plan for.

    Attributes:
        name: Its name.
        shape: Its shape.
        stored: How its file stores weights, where that is settled (GGUF, quantised folders).
        pooling: Whether it embeds or reranks instead of writing.
    """

    name: str
    shape: ModelShape
    stored: Precision | None = None
    pooling: bool = False


def answer(subject: Subject, inquiry: Inquiry) -> Answer:
    """Plans what was asked.

    Raises:
        ModelsError: It asks for what cannot be; the refusal tells what can.
    """
    fleet, shape = Fleet.parse(inquiry.gpus), subject.shape
    question = Question(
        shape=shape,
        fleet=fleet,
        split=_given("--tp", inquiry.tp, fleet.count),
        context=_given("--context", inquiry.context, shape.context),
        concurrency=_given("--concurrency", inquiry.concurrency, MOST_CONCURRENCY) or _CONCURRENCY,
        prompt=_given("--prompt", inquiry.prompt, shape.context),
        output=_given("--output", inquiry.output, shape.context),
        precision=inquiry.precision,
        stored=subject.stored,
    )
    training = tuple(
        plan_training(shape, fleet, course) for course in _courses(shape, inquiry) if inquiry.train
    )
    serving = plan_serving(question)
    advice = advise(shape, serving.chosen, fleet.sheet.vendor, pooling=subject.pooling)
    return Answer(subject.name, serving, advice, training)


def _given(field: str, value: int | None, most: int) -> int:
    """The number, 0 where none was given; what was given is at least 1 (and at most `most`)."""
    if value is None:
        return 0
    if value < 1:
        raise CountRefused(field=field, value=value, least=1, most=most)
    return value


def _courses(shape: ModelShape, inquiry: Inquiry) -> list[Course]:
    usual = Course("full")
    sequence = inquiry.sequence
    return [
        Course(
            method,
            checkpointing,
            usual.rank if inquiry.rank is None else inquiry.rank,
            min(usual.sequence, shape.context) if sequence is None else sequence,
            usual.samples if inquiry.samples is None else inquiry.samples,
        )
        for method in METHODS
        for checkpointing in (True, False)
    ]
