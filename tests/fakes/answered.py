"""What is recorded of an answer that nobody gave: the largest event of the hot path, made up."""

from appliance.audit import events


def completion(
    receipt: str, *, model: str = "wardbox-reference", seed: int = 7, stream: bool = False
) -> events.Completion:
    """An answer with all its digests."""
    return events.Completion(
        receipt=receipt,
        route="/v1/chat/completions",
        model=model,
        model_digest="a" * 64,
        adapter_digest=None,
        prompt_hash="b" * 64,
        answer_hash="c" * 64,
        prompt_tokens=10,
        completion_tokens=20,
        seed=seed,
        stream=stream,
        status="complete",
        posture="pass",
        policy="1",
    )
