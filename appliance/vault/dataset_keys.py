"""The keys of callers' files and data sets: one for each, by its id, under the family of data sets."""

from appliance.vault.errors import SubjectErased, SubjectUnknown
from appliance.vault.file_seal import stream_key
from appliance.vault.subjects import DATASET, SubjectKeys
from secure_compute.secret import Secret
from secure_compute.stream import StreamKey


class DatasetKeys:
    """What files are sealed with and opened by. Whoever is handed a key wipes it.

    Args:
        subjects: the keys of data sets, patients and days.
    """

    def __init__(self, subjects: SubjectKeys) -> None:
        self._subjects = subjects

    def fresh(self, file_id: str) -> StreamKey:
        """A new key that nobody keeps yet, for a file on its way in."""
        return stream_key(file_id, Secret.random(), self._subjects.algorithm)

    def keep(self, file_id: str, key: StreamKey) -> None:
        """Keep the key of a file that came in whole."""
        self._subjects.keep(DATASET, file_id, key.key)

    def sealing(self, file_id: str) -> StreamKey:
        """The key of a file that the box writes, made and kept at its first call. Raises SubjectErased."""
        key = self._subjects.key(DATASET, file_id)
        return stream_key(file_id, key, self._subjects.algorithm)

    def opening(self, file_id: str) -> StreamKey:
        """What opens a file.

        Raises:
            SubjectUnknown, SubjectErased: it has no key (any more).
        """
        key = self._subjects.existing(DATASET, file_id)
        return stream_key(file_id, key, self._subjects.algorithm)

    def drop(self, file_id: str) -> None:
        """Let go of the key of a file that was deleted; who wants proof of its end erases it instead."""
        self._subjects.drop(DATASET, file_id)

    def erased(self, file_id: str) -> bool:
        """Whether the key of a file was destroyed for good."""
        try:
            self._subjects.erasable(DATASET, file_id)
        except SubjectErased:
            return True
        except SubjectUnknown:
            return False
        return False

    def name(self, file_id: str) -> str:
        """The public name of a file's key, as certificates and the record tell it."""
        return f"{DATASET}:{self._subjects.name(DATASET, file_id)}"
