"""Checkpoints that are signed one after the other are those that are signed one by one."""

import pytest

from secure_compute.errors import NoteMalformed
from secure_compute.heads import HeadSigner
from secure_compute.note import Checkpoint, NoteKey, verify_checkpoint
from secure_compute.signing import SigningKey

KEY = SigningKey.from_seed(b"h" * 32)


@pytest.mark.parametrize("origin", ["wardbox/box-1", "日志"])
def test_every_note_is_the_checkpoint_s_own(origin):
    signer = HeadSigner(origin, KEY)
    for size in (0, 1, 255, 10_010_624, (1 << 63) - 1):
        root = bytes([size % 251]) * 32
        note = signer.note(size, root)
        assert note == Checkpoint(origin, size, root).sign(KEY).to_bytes().decode()
        found = verify_checkpoint(note.encode(), NoteKey(origin, KEY.verify_key))
        assert (found.size, found.root) == (size, root)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_can_be_none_of_a_log_is_refused(origin):
    with pytest.raises(NoteMalformed):
        HeadSigner(origin, KEY)
