"""Byte-level BPE tokenizer for small Chinese clinical models, with Han characters kept apart."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from models.training.errors import TokenizerMalformed

# The regular expression of the stock "qwen2" pre-tokenizer of llama.cpp (src/llama-vocab.cpp) and
# of Qwen2TokenizerFast. Text is not normalised: llama.cpp would not do so either.
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PAD, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = (PAD, TURN_START, TURN_END)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_ROLES = ("system", "user", "assistant")
_PUNCTUATION = "，。、；：？！（）《》【】“”‘’·—…～％℃±×÷≤≥≈→↑↓μ²³°①②③④⑤／－"
_MAX_TERM_LENGTH = 12


def byte_alphabet() -> dict[int, str]:
    """Return the printable stand-in of every byte (GPT-2 `bytes_to_unicode`)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in plain}
    spare = (byte for byte in range(256) if byte not in table)
    return table | {byte: chr(256 + shift) for shift, byte in enumerate(spare)}


def common_han() -> str:
    """Return the 3,755 characters of GB 2312 level 1 (rows 16 to 55)."""
    cells = ((row, cell) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return "".join(bytes(pair).decode("gb2312", "ignore") for pair in cells)


def learn_terms(
    texts: Iterable[str], count: int, *, min_frequency: int = 50
) -> list[tuple[str, str]]:
    """Learn up to `count` merges of whole characters, most frequent first.

    Merging characters instead of bytes never yields a token that ends inside a character: such
    tokens make a small model copy badly.

    Args:
        texts: What the model is to write, without placeholders.
        count: The most merges wanted.
        min_frequency: How often a pair must occur.

    Returns:
        Pairs of adjacent pieces, in merge order.
    """
    pool = list(texts)
    characters = {character for text in pool for character in text}
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=len(characters) + count,
        min_frequency=min_frequency,
        show_progress=False,
        max_token_length=_MAX_TERM_LENGTH,
    )
    learner.train_from_iterator(pool, trainer)
    merges: list[Sequence[str]] = orjson.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in merges][:count]


class _Vocabulary:
    """Collects tokens and merges in byte spelling, each once and in order."""

    def __init__(self) -> None:
        self._spelling = byte_alphabet()
        self.ids: dict[str, int] = {self._spelling[byte]: byte for byte in range(256)}
        self.merges: list[tuple[str, str]] = []
        self._known: set[tuple[str, str]] = set()

    def spell(self, text: str) -> str:
        return "".join(self._spelling[byte] for byte in text.encode("utf-8"))

    def merge(self, left: str, right: str) -> None:
        if (left, right) in self._known:
            return
        self._known.add((left, right))
        self.merges.append((left, right))
        self.ids.setdefault(left + right, len(self.ids))

    def character(self, character: str) -> None:
        spelled = self.spell(character)
        for end in range(2, len(spelled) + 1):
            self.merge(spelled[: end - 1], spelled[end - 1])

    def term(self, left: str, right: str) -> None:
        first, second = self.spell(left), self.spell(right)
        if first in self.ids and second in self.ids:
            self.merge(first, second)


def build(
    terms: Sequence[tuple[str, str]],
    placeholders: Sequence[str] = (),
    *,
    characters: str = "",
    size: int = 4992,
) -> Tokenizer:
    """Build the tokenizer: bytes, common Han characters, role names, then template terms.

    Args:
        terms: Merges from `learn_terms`; those that no longer fit `size` are left out.
        placeholders: Pieces that are always one token (identity stand-ins such as a masked name).
        characters: Further characters to hold as one token each.
        size: Tokens in all, control tokens and placeholders included.

    Returns:
        A tokenizer that the stock qwen2 pre-tokenizer of llama.cpp reproduces token for token.

    Raises:
        TokenizerMalformed: The fixed part alone does not fit, or a placeholder is unusable.
    """
    if len(set(placeholders)) != len(placeholders) or not all(placeholders):
        raise TokenizerMalformed(reason="placeholders must be distinct and not empty")
    vocabulary = _Vocabulary()
    for character in dict.fromkeys(_PUNCTUATION + characters + common_han()):
        vocabulary.character(character)
    for word in _ROLES:
        for end in range(2, len(word) + 1):
            vocabulary.term(word[: end - 1], word[end - 1])
    room = size - len(CONTROL_TOKENS) - len(placeholders)
    if len(vocabulary.ids) > room:
        raise TokenizerMalformed(
            reason=f"{size} tokens do not hold {len(vocabulary.ids)} characters"
        )
    for left, right in terms:
        if len(vocabulary.ids) >= room:
            break
        vocabulary.term(left, right)
    return _assemble(vocabulary, placeholders)


def _assemble(vocabulary: _Vocabulary, placeholders: Sequence[str]) -> Tokenizer:
    return of_pieces(vocabulary.ids, vocabulary.merges, CONTROL_TOKENS, placeholders)


def of_pieces(
    ids: dict[str, int],
    merges: list[tuple[str, str]],
    control: Sequence[str],
    own: Sequence[str],
) -> Tokenizer:
    """Put a tokenizer together; the inverse of `pieces`.

    Args:
        ids: Id of each token in byte spelling; control tokens and own ones may be among them.
        merges: Which two become one, in order.
        control: Tokens that no text can write.
        own: Tokens that are always one piece.
    """
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in control]
    )
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in own])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, *, template: str | None = None) -> None:
    """Write tokenizer.json and tokenizer_config.json as transformers and vLLM read them.

    Args:
        tokenizer: The tokenizer.
        folder: Where to.
        template: Its chat template, the house's own by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": TURN_END,
        "pad_token": PAD,
        "chat_template": template or CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
    }
    text = orjson.dumps(settings, option=orjson.OPT_INDENT_2)
    (folder / "tokenizer_config.json").write_bytes(text + b"\n")


def load(folder: Path) -> Tokenizer:
    """Read `tokenizer.json` of a model folder.

    Raises:
        TokenizerMalformed: The file is missing or not a tokenizer.
    """
    with _BareFaults():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))


class _BareFaults:
    """Turns what the tokenizers library raises, the bare class Exception itself, into a refusal.

    Anything narrower passes: it would be a fault of ours.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is Exception:
            raise TokenizerMalformed(reason=str(fault)) from fault


def end_and_padding(tokenizer: Tokenizer) -> tuple[int, int]:
    """Return the ids of the token that ends a turn and of the one that fills short rows.

    Raises:
        TokenizerMalformed: It lacks them.
    """
    end, padding = tokenizer.token_to_id(TURN_END), tokenizer.token_to_id(PAD)
    if end is None or padding is None:
        raise TokenizerMalformed(reason=f"{TURN_END} or {PAD} is missing")
    return end, padding


def render_prompt(messages: Sequence[Mapping[str, str]]) -> str:
    """Write turns as `CHAT_TEMPLATE` does, ready for the assistant to answer."""
    turns = "".join(
        f"{TURN_START}{turn['role']}\n{turn['content']}{TURN_END}\n" for turn in messages
    )
    return f"{turns}{TURN_START}assistant\n"


def without_control(text: str) -> str:
    """Take control tokens out of a text that a user wrote, so it cannot end its own turn."""
    for token in CONTROL_TOKENS:
        text = text.replace(token, token.replace("|", "｜"))
    return text


def pieces(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the vocabulary as the GGUF writer needs it.

    Returns:
        `tokens` (list[str] by id), `added` (id -> is it a control token) and `merges` (list[str]).
    """
    document: dict[str, Any] = orjson.loads(tokenizer.to_str())
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    tokens = [tokenizer.id_to_token(index) or "" for index in range(size)]
    added = {int(entry["id"]): bool(entry["special"]) for entry in document["added_tokens"]}
    merges = [
        merge if isinstance(merge, str) else " ".join(merge)
        for merge in document["model"]["merges"]
    ]
    return {"tokens": tokens, "added": added, "merges": merges}
