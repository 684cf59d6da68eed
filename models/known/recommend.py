"""How to serve a known model on given cards: engine, precision, layout and its settings."""

from dataclasses import dataclass

from models.known.model import KnownModel
from models.planning.advice import Advice, advise
from models.planning.fleet import Fleet
from models.planning.serving import Layout, Question, plan_serving

_MOST_SLOTS = 256


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Settings to begin with.

    Attributes:
        layout: Precision, cards that share a copy, copies; with memory and pace.
        advice: Engine, its arguments, what to know.
        context: Tokens of each sequence.
        slots: Sequences of one copy at once.
    """

    layout: Layout
    advice: Advice
    context: int
    slots: int


def recommend(
    model: KnownModel, fleet: Fleet, context: int = 0, concurrency: int = 16
) -> Recommendation:
    """Recommends settings; a pure function of model and cards.

    Raises:
        ModelsError: The context is beyond the model's.
    """
    asked = Question(model.shape, fleet, context=context, concurrency=concurrency)
    plan = plan_serving(asked)
    chosen = plan.chosen
    pooling = model.purpose != "chat"
    return Recommendation(
        layout=chosen,
        advice=advise(model.shape, chosen, fleet.sheet.vendor, pooling=pooling),
        context=plan.question.context,
        slots=max(1, min(_MOST_SLOTS, chosen.most_concurrent // chosen.copies)),
    )
