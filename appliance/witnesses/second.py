"""The box's second key: held by the TPM where there is one, else by the vault; it cosigns checkpoints."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from appliance.witnesses.store import SecondKey, WitnessStore
from secure_compute.counted import Count, CountedKey
from secure_compute.errors import SecureComputeError
from secure_compute.note import COSIGNATURE_TYPE, Note, NoteKey, cosign_note
from secure_compute.signing import SigningKey
from secure_compute.slot_errors import TpmReplaced
from secure_compute.tpm_cosigner import HeldKey, TpmCosigner

_LOG: Final = logging.getLogger(__name__)
COUNT_S: Final = 3600.0
"""How often the TPM's counter counts while the box runs; its memory wears out with every count."""

Choice = Literal["auto", "tpm", "software"]
_UNAVAILABLE: Final = "unavailable"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the second key does not cosign.

    Args:
        code: "rolled-back", "replaced", "unavailable" or "rewritten".
        zh: a sentence in Chinese.
        en: the same in English.
    """

    code: str
    zh: str
    en: str

    @property
    def of_the_past(self) -> bool:
        """Whether it speaks against what the disk remembers; a TPM that is silent says nothing of it."""
        return self.code != _UNAVAILABLE


ROLLED_BACK: Final = Trouble(
    "rolled-back",
    "TPM 计数器比本机的记录走得更远:磁盘被换回了旧的副本",
    "the TPM's counter has gone further than this box remembers: its disk is an older copy",
)
REPLACED: Final = Trouble(
    "replaced",
    "持有第二把密钥的 TPM 已更换或被清除",
    "the TPM that held the second key was replaced or cleared",
)


class TroubleFound(Exception):
    """Ends a cosigning that must not be; caught where the second key is used."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.en)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Makings:
    """What a second key is made of.

    Args:
        tpm: signs and counts in the machine's TPM.
        software: the Ed25519 key of the vault for a use.
        choice: which of both; "auto" is the TPM where there is one.
        name: name of the key in notes.
    """

    tpm: TpmCosigner
    software: Callable[[str], SigningKey]
    choice: Choice
    name: str


class SecondSigner:
    """Makes the second key at its first use, and signs with it. One thread at a time.

    Args:
        store: the rows of this room.
        makings: where keys come from.
        clock: Unix time in seconds.
    """

    def __init__(self, store: WitnessStore, makings: Makings, clock: Callable[[], float]) -> None:
        self._store = store
        self._makings = makings
        self._clock = clock
        self._fresh = True

    @property
    def key(self) -> SecondKey | None:
        """The key in use."""
        return next((one for one in self._store.second_keys() if one.ended is None), None)

    def make(self) -> SecondKey:
        """Make a key and put it in the place of the one in use.

        Raises:
            SecureComputeError: the settings insist on a TPM, and it does not do it.
        """
        makings, number = self._makings, len(self._store.second_keys()) + 1
        old = self.key
        if makings.choice != "software" and (makings.choice == "tpm" or makings.tpm.present()):
            try:
                self._make_in_tpm()
            except SecureComputeError as error:
                if makings.choice == "tpm":
                    raise
                _LOG.warning("second key: %s", error.sentence_en)
                self._make_in_vault(number)
        else:
            self._make_in_vault(number)
        made = self.key
        assert made is not None  # noqa: S101  # it was written a moment ago
        if old is not None and old.kind == "tpm":
            self._let_go(old, made)
        return made

    def cosign(self, note: Note, *, finer: bool = False) -> tuple[str, str, int]:
        """Cosign a checkpoint of this box.

        Args:
            note: under the log's own signature.
            finer: let the counter count also before an hour is over.

        Returns:
            Verifier key, signature line and time.

        Raises:
            TroubleFound: the key must not sign, or cannot.
        """
        key = self.key or self.make()
        now = int(self._clock())
        if key.kind == "software":
            signer = self._makings.software(key.material["use"])
            line = cosign_note(Note(note.text, ()), self._makings.name, signer, now).signatures[0]
            return key.vkey, line.line, now
        try:
            return self._cosign_in_tpm(key, note, now, finer=finer)
        except TpmReplaced:
            raise TroubleFound(REPLACED) from None
        except SecureComputeError as error:
            raise TroubleFound(
                Trouble(_UNAVAILABLE, error.sentence_zh.rstrip("。"), error.sentence_en.rstrip("."))
            ) from None

    def _cosign_in_tpm(
        self, key: SecondKey, note: Note, now: int, *, finer: bool
    ) -> tuple[str, str, int]:
        held = HeldKey.parse(key.material)
        known = self._checked(key, held)
        if self._fresh or finer or now - known.counted >= COUNT_S:
            # What is about to happen is written first: a crash in between is no rollback.
            self._store.mean(key.id, known.counter + 1)
            counter = self._makings.tpm.advance(held)
            if counter != known.counter + 1:
                raise TroubleFound(ROLLED_BACK)
            self._store.count(key.id, counter, float(now))
            known, self._fresh = replace(known, counter=counter), False
        count = Count(now, known.counter)
        public = CountedKey(self._makings.name, held.point)
        signature = self._makings.tpm.sign(held, count.message(note.text))
        return key.vkey, public.line(count, signature).line, now

    def _checked(self, key: SecondKey, held: HeldKey) -> SecondKey:
        """The key with its counter as the TPM shows it, unless that tells of another past."""
        counter = self._makings.tpm.counter(held)
        if counter not in {key.counter, key.meant}:
            raise TroubleFound(ROLLED_BACK if counter > key.counter else REPLACED)
        return replace(key, counter=counter)

    def _make_in_tpm(self) -> None:
        tpm, now = self._makings.tpm, self._clock()
        held = tpm.make()
        vkey = CountedKey(self._makings.name, held.point).vkey
        self._store.begin("tpm", vkey, held.to_fields(), now)
        made = self.key
        if made is not None:
            self._store.count(made.id, tpm.counter(held), now)
        self._fresh = False

    def _make_in_vault(self, number: int) -> None:
        use = f"cosigner.{number}"
        public = self._makings.software(use).verify_key
        vkey = NoteKey(self._makings.name, public, COSIGNATURE_TYPE).vkey
        self._store.begin("software", vkey, {"use": use}, self._clock())

    def _let_go(self, old: SecondKey, made: SecondKey) -> None:
        """The counter of a key that is done with gives its place back, where the TPM has it still."""
        if old.material["index"] == made.material.get("index"):
            # The TPM was cleared, or the old counter deleted: its place is the new one's already.
            return
        try:
            self._makings.tpm.forget(HeldKey.parse(old.material))
        except SecureComputeError as error:
            _LOG.warning("second key: %s", error.sentence_en)
