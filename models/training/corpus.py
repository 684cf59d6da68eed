"""Token arrays, in memory or on disk and memory-mapped, cut into batches of like length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from tokenizers import Tokenizer

from models.training.errors import CorpusMalformed
from models.training.tokenizer import TURN_END, render_prompt, without_control

_ENCODE_AT_ONCE = 2000
_WINDOW_BATCHES = 64
_MAX_LINE_BYTES = 4 << 20
_ROLES = ("system", "user", "assistant")
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange: the text before the answer, already laid out, and the answer with its end."""

    prompt: str
    answer: str


def exchange(question: str, answer: str) -> Example:
    """Lay out one question and its answer in the house chat template."""
    return chat([{"role": "user", "content": question}], answer)


def chat(turns: Sequence[Mapping[str, str]], answer: str) -> Example:
    """Lay out the turns before an answer, and the answer; control tokens in them lose power."""
    clean = [{"role": one["role"], "content": without_control(one["content"])} for one in turns]
    return Example(render_prompt(clean), f"{without_control(answer)}{TURN_END}")


def read_chats(path: Path) -> Iterator[Example]:
    """Read chats from a JSON-lines file: `{"messages": [{"role", "content"}, ...]}` a line.

    Raises:
        CorpusMalformed: A line is not such a chat, or its last turn is not the assistant's.
    """
    try:
        with path.open("rb") as lines:
            yield from chats_of(lines, path.name)
    except OSError as fault:
        raise CorpusMalformed(reason=f"{path.name}: {fault.strerror}") from fault


def chats_of(lines: Iterable[bytes], name: str) -> Iterator[Example]:
    """Read chats from lines, as `read_chats` does; `name` stands in refusals."""
    for number, line in enumerate(lines, start=1):
        if len(line) > _MAX_LINE_BYTES:
            raise CorpusMalformed(reason=f"{name}:{number}: line too long")
        if line.strip():
            yield _read(line, f"{name}:{number}")


def _read(line: bytes, where: str) -> Example:
    try:
        document = orjson.loads(line)
        turns = [_turn(turn["role"], turn["content"]) for turn in document["messages"]]
    except (ValueError, KeyError, TypeError) as fault:
        raise CorpusMalformed(reason=f"{where}: {fault!r}") from fault
    if len(turns) < 2 or turns[-1]["role"] != "assistant" or not turns[-1]["content"]:  # noqa: PLR2004
        raise CorpusMalformed(reason=f"{where}: the last of several turns must be an answer")
    return chat(turns[:-1], turns[-1]["content"])


def _turn(role: object, content: object) -> dict[str, str]:
    """A turn; a role of one's own could hold the tokens that end a turn."""
    if role not in _ROLES or not isinstance(content, str):
        raise ValueError(role)
    return {"role": str(role), "content": content}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Examples, memory-mapped or in memory.

    Attributes:
        tokens: All token ids in a row, uint16 or uint32, shape [tokens].
        starts: Where each example starts, int64, shape [examples + 1].
        answers: Where the answer of each example starts within it, int64, shape [examples].
    """

    tokens: npt.NDArray[np.unsignedinteger]
    starts: Ids
    answers: Ids

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def lengths(self) -> Ids:
        """Tokens of each example, int64, shape [examples]."""
        return np.diff(self.starts)


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded examples of like length.

    Attributes:
        ids: Token ids, int64, shape [rows, longest].
        targets: The next token where it belongs to an answer, else -100, same shape.
        tokens: Real tokens in the batch (padding not counted).
    """

    ids: Ids
    targets: Ids
    tokens: int


def encode(examples: Iterable[Example], tokenizer: Tokenizer, *, longest: int) -> Corpus:
    """Encode examples into memory.

    Examples longer than `longest` tokens are left out: half a note teaches a wrong ending.

    Raises:
        CorpusMalformed: No example is left.
    """
    kind = np.uint16 if tokenizer.get_vocab_size() <= np.iinfo(np.uint16).max + 1 else np.uint32
    rows: list[npt.NDArray[np.unsignedinteger]] = []
    answers: list[int] = []
    source = iter(examples)
    while chunk := list(islice(source, _ENCODE_AT_ONCE)):
        before = tokenizer.encode_batch_fast(
            [one.prompt for one in chunk], add_special_tokens=False
        )
        after = tokenizer.encode_batch_fast([one.answer for one in chunk], add_special_tokens=False)
        for question, answer in zip(before, after, strict=True):
            ids = [*question.ids, *answer.ids]
            if len(ids) <= longest and question.ids and answer.ids:
                rows.append(np.asarray(ids, dtype=kind))
                answers.append(len(question.ids))
    if not rows:
        raise CorpusMalformed(reason="no example fits")
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Corpus(np.concatenate(rows), starts, np.asarray(answers, dtype=np.int64))


def write(
    folder: Path, examples: Iterable[Example], tokenizer: Tokenizer, *, longest: int
) -> Corpus:
    """Encode examples and write `tokens.npy`, `starts.npy` and `answers.npy` under `folder`.

    Raises:
        CorpusMalformed: No example is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = encode(examples, tokenizer, longest=longest)
    for name, array in _arrays(made):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return open_corpus(folder)


def digest(corpus: Corpus) -> str:
    """SHA-256 over the names and digests of the files that `write` makes of it, in hexadecimal."""
    whole = sha256()
    for name, array in sorted(_arrays(corpus), key=lambda one: one[0]):
        each = _Hashing()
        np.save(each, array, allow_pickle=False)
        whole.update(f"{name}.npy {each.sum.hexdigest()}\n".encode())
    return whole.hexdigest()


class _Hashing:
    """A file that is only hashed."""

    def __init__(self) -> None:
        self.sum = sha256()

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        return len(data)


def _arrays(corpus: Corpus) -> tuple[tuple[str, npt.NDArray[Any]], ...]:
    return ("tokens", corpus.tokens), ("starts", corpus.starts), ("answers", corpus.answers)


def open_corpus(folder: Path) -> Corpus:
    """Map a corpus that `write` made.

    Raises:
        CorpusMalformed: An array is missing, no array, or contradicts the others.
    """
    try:
        tokens, starts, answers = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("tokens", "starts", "answers")
        )
    except (OSError, ValueError, EOFError) as fault:
        raise CorpusMalformed(reason=str(fault)) from fault
    shaped = tokens.ndim == starts.ndim == answers.ndim == 1 and len(starts) == len(answers) + 1
    if not shaped or len(answers) == 0 or tokens.dtype.kind != "u":
        raise CorpusMalformed(reason="arrays of a wrong shape or type")
    lengths = np.diff(starts)
    rising = starts[0] == 0 and starts[-1] == len(tokens) and bool((lengths > 0).all())
    if not rising or not bool(((answers > 0) & (answers < lengths)).all()):
        raise CorpusMalformed(reason="positions out of range")
    return Corpus(tokens, np.asarray(starts, dtype=np.int64), np.asarray(answers, dtype=np.int64))


def plan_batches(
    lengths: Ids, tokens_per_batch: int, *, seed: int, epoch: int, ordered: bool = False
) -> list[npt.NDArray[np.int64]]:
    """Group examples of like length so that hardly any padding is computed.

    Examples are shuffled, sorted by length inside windows of some 64 batches, cut where the padded
    batch would exceed the budget, and the batches are shuffled again.

    Args:
        lengths: Tokens of each example, shape [examples].
        tokens_per_batch: Most tokens of a batch, padding included (at least one example goes in).
        seed: Seed of the run.
        epoch: Which pass over the data; the same seed and epoch give the same plan.
        ordered: Keep the order of the corpus from window to window: it is a course of lessons.

    Returns:
        Indices of the examples of each batch; every example occurs once.
    """
    random = np.random.default_rng([seed, epoch])
    order = np.arange(len(lengths)) if ordered else random.permutation(len(lengths))
    window = max(1, _WINDOW_BATCHES * tokens_per_batch // max(1, int(lengths.mean())))
    batches: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(order), window):
        part = random.permutation(order[start : start + window])
        first = len(batches)
        part = part[np.argsort(lengths[part], kind="stable")[::-1]]
        while len(part):
            rows = max(1, tokens_per_batch // int(lengths[part[0]]))
            batches.append(part[:rows])
            part = part[rows:]
        if ordered:
            mixed = random.permutation(len(batches) - first)
            batches[first:] = [batches[first + index] for index in mixed]
    if ordered:
        return batches
    return [batches[index] for index in random.permutation(len(batches))]


def gather(corpus: Corpus, rows: Sequence[int] | npt.NDArray[np.int64], *, padding: int) -> Batch:
    """Copy examples out of the map into one right-padded batch."""
    lengths = corpus.lengths[rows]
    longest = int(lengths.max())
    ids = np.full((len(rows), longest), padding, dtype=np.int64)
    targets = np.full((len(rows), longest), -100, dtype=np.int64)
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        start, answer = corpus.starts[row], corpus.answers[row]
        ids[place, :length] = corpus.tokens[start : start + length]
        targets[place, answer - 1 : length - 1] = ids[place, answer:length]
    return Batch(ids, targets, int(lengths.sum()))
