"""Keeps text of requests out of what is remembered of an engine's log."""

import re
from typing import Final

from models.engines.last_words import WORDS

_LINE_CHARS: Final = 400
_HIDDEN: Final = "***"

# Heads of lines: llama.cpp writes "0.03.203.110 I slot launch_slot_: "; vLLM writes
# "(EngineCore pid=17) INFO 11-22 00:26:33 [utils.py:347] ", uvicorn "INFO:     ".
_HEADS: Final = (
    re.compile(r"\d{1,5}\.\d{2}\.\d{3}\.\d{3} [A-Z] (?:[a-z]{2,12} +)?[A-Za-z_()]{1,16}: ?"),
    re.compile(
        r"(?:\([A-Za-z]{1,16}[A-Za-z0-9_-]{0,12} pid=\d{1,8}\) )?"
        r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)(?: \d\d-\d\d \d\d:\d\d:\d\d)?"
        r"(?: \[[a-z0-9_./-]{1,60}:\d{1,6}\])?:? *"
    ),
)
# Whole messages that carry numbers only. Whatever is not in this list is withheld.
_NUMBER: Final = r"-?\d[\d.,]*(?:e[+-]\d+)?"
_HARMLESS: Final = tuple(
    re.compile(text.replace("#", _NUMBER))
    for text in (
        (
            r" *(?:id +# \| task # \| )? *(?:prompt eval time|eval time|total time) = +# ms"
            r" / +# tokens?(?: \( *# ms per token, +# tokens per second\))?"
        ),
        r"id +# \| task # \| (?:processing task, is_child = #|graphs reused = +#)",
        r"id +# \| task # \| stop processing: n_tokens = #, truncated = #",
        r"id +# \| task # \| +graphs reused = +#",
        r"id +# \| task # \| selected slot by LRU, t_last = #",
        (
            r"id +# \| task # \| selected slot by LCP similarity, f_sim_best = # \(> # thold\),"
            r" f_keep = #"
        ),
        (
            r"(?:all slots are idle|waiting for new tasks|update slots|processing new tasks"
            r"|model loaded|initializing \.\.\.|all tasks already finished, no need to cancel)"
        ),
        r"cleaning up before exit\.\.\.",
        (
            r"(?:Engine \d{3}: )?Avg prompt throughput: # tokens/s, Avg generation throughput: # tokens/s,"
            r" Running: # reqs, Waiting: # reqs, [CG]PU KV cache usage: #%,"
            r" Prefix cache hit rate: #%"
        ),
        (
            r"(?:Started server process \[#\]|Waiting for application startup\."
            r"|Application startup complete\.|Shutting down|Finished server process \[#\])"
        ),
    )
)


class LogFilter:
    """Judges the lines of one engine.

    Until the engine has been given a request, its words cannot hold any of one, and all of them
    help. From then on (`seal`) a line is kept only if it is one of a few known messages made of
    numbers; of every other line only its head, a mark for known last words and its length remain.
    Whatever an engine, a library below it or a multi-line prompt writes, nothing new passes.

    Args:
        secrets: Texts that are blanked out at any time, such as the engine's bearer.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)
        self._sealed = False

    def seal(self) -> None:
        """From now on requests may be among what the engine says."""
        self._sealed = True

    def clean(self, raw: str) -> str:
        """The line as it may be kept: printable, bounded, without secrets and requests."""
        text = "".join(char if char.isprintable() else " " for char in raw).rstrip()
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        if self._sealed:
            text = _withhold(text)
        return text[:_LINE_CHARS]


def _withhold(text: str) -> str:
    head = ""
    for pattern in _HEADS:
        found = pattern.match(text)
        if found:
            head = found.group().rstrip()
            break
    message = text[len(head) :].strip()
    if not message or any(known.fullmatch(message) for known in _HARMLESS):
        return text
    told = [words.mark for words in WORDS if words.pattern.search(message)]
    return " ".join(part for part in (head, *told[:1], f"[… {len(message)}]") if part)
