"""The wrapped keys lie there twice: damage of one copy costs nothing, and neither keeps what was destroyed."""

import pytest

from appliance.vault.errors import VaultDamaged
from tests.appliance.vault.conftest import PASSPHRASE
from tests.appliance.vault.crashing import full_disk


@pytest.fixture
def vault(made):
    vault = made()
    vault.create(PASSPHRASE)
    return vault


def keys(opened):
    return {key.wrapped.key_id: opened.secret(key.wrapped.use).reveal() for key in opened.book.keys}


def test_any_damage_of_one_copy_costs_nothing_and_is_mended(vault, layout):
    before = keys(vault.unlock(PASSPHRASE))
    vault.close()
    good = layout.keyring_file.read_bytes()
    assert layout.keyring_copy.read_bytes() == good
    damaged = [good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :] for at in range(0, len(good), 97)]
    for path in (layout.keyring_file, layout.keyring_copy):
        for bad in (*damaged, good[:100], b"", b"[]", b"\xff" * 5000):
            path.write_bytes(bad)
            assert keys(vault.unlock(PASSPHRASE)) == before
            vault.close()
            assert layout.keyring_copy.read_bytes() == layout.keyring_file.read_bytes()
            for one in (layout.keyring_file, layout.keyring_copy):
                one.write_bytes(good)
        path.unlink()
        assert keys(vault.unlock(PASSPHRASE)) == before
        vault.close()
        assert path.read_bytes() == good
    for path in (layout.keyring_file, layout.keyring_copy):
        path.write_bytes(damaged[7])
    with pytest.raises(VaultDamaged):
        vault.unlock(PASSPHRASE)


def test_both_follow_every_change(vault, layout):
    opened = vault.unlock(PASSPHRASE)
    older = layout.keyring_copy.read_bytes()
    for change in (lambda: opened.renew("box.db"), lambda: opened.retire("box.db", 1)):
        change()
        assert layout.keyring_copy.read_bytes() == layout.keyring_file.read_bytes() != older
        older = layout.keyring_copy.read_bytes()
    vault.rotate_root()
    assert layout.keyring_copy.read_bytes() == layout.keyring_file.read_bytes() != older
    # What a kill between the two left behind is overtaken when the vault is opened next.
    layout.keyring_copy.write_bytes(older)
    vault.close()
    vault.unlock(PASSPHRASE)
    assert layout.keyring_copy.read_bytes() == layout.keyring_file.read_bytes()


def test_a_copy_that_cannot_follow_is_no_copy(vault, layout, monkeypatch):
    from appliance.vault import keyfile

    opened = vault.unlock(PASSPHRASE)
    real = keyfile.write_private

    def write(path, content, mode=0o600):
        if path == layout.keyring_copy:
            full_disk()
        real(path, content, mode)

    with monkeypatch.context() as patch:
        patch.setattr(keyfile, "write_private", write)
        opened.renew("box.db")
    assert not layout.keyring_copy.exists()
    before = keys(opened)
    vault.close()
    assert keys(vault.unlock(PASSPHRASE)) == before
    assert layout.keyring_copy.read_bytes() == layout.keyring_file.read_bytes()
