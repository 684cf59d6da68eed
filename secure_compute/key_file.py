"""A key file for a stick: 256 bits with a name and a checksum, useless without its passphrase."""

from dataclasses import dataclass, field
from typing import Final, Self

from secure_compute.groups import grouped, ungrouped
from secure_compute.secret import Secret
from secure_compute.slot_errors import KeyFileMalformed

MARK: Final = "wardbox-key-file/1"
_KEY: Final = 32
_NAME: Final = 8
_MAX_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What lies on the stick.

    Attributes:
        name: 16 hexadecimal digits; the slot knows it by this.
        key: 32 bytes.
    """

    name: str
    key: Secret = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """A new one."""
        return cls(Secret.random(_NAME).reveal().hex(), Secret.random(_KEY))

    def text(self) -> str:
        """The content of the file: its mark on the first line, 16 groups of signs on the second."""
        return f"{MARK}\n{grouped(bytes.fromhex(self.name) + self.key.reveal())}\n"

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the content of a file.

        Raises:
            KeyFileMalformed: It is another file, or it was cut or changed.
        """
        if len(content) > _MAX_BYTES:
            raise _refuse("文件过大", "it is too large")
        mark, _, text = content.decode("ascii", "replace").partition("\n")
        if mark.strip() != MARK:
            raise _refuse("开头不是密钥文件的标记", "it does not begin like one")
        data = ungrouped(text, _NAME + _KEY, _refuse)
        return cls(data[:_NAME].hex(), Secret(data[_NAME:]))


def _refuse(zh: str, en: str) -> KeyFileMalformed:
    return KeyFileMalformed(reason_zh=zh, reason=en)
