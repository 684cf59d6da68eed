"""Tagged digests: parsing, files, mismatches."""

import hashlib

import pytest

from secure_compute.digest import Digest, digest_bytes, digest_file
from secure_compute.errors import AlgorithmUnknown, DigestMalformed, DigestMismatch


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_file_digests_like_its_bytes(tmp_path, size):
    data = bytes(n % 251 for n in range(1000)) * (size // 1000 + 1)
    path = tmp_path / "file"
    path.write_bytes(data[:size])
    assert str(digest_file(path)) == "sha256:" + hashlib.sha256(data[:size]).hexdigest()
    assert digest_file(path, "sha512") == digest_bytes(data[:size], "sha512")


def test_text_round_trip():
    digest = digest_bytes(b"x", "sha384")
    assert Digest.parse(str(digest)) == digest
    assert digest.raw == hashlib.sha384(b"x").digest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha256:" + "g" * 64,
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 66,
        " sha256:" + "a" * 64,
        "sha256:" + "a" * 64 + "\n",
        "sha512:" + "a" * 64,
        "sha256:" + "\u0661" * 64,
    ],
)
def test_malformed_texts(text):
    with pytest.raises(DigestMalformed):
        Digest.parse(text)


def test_unknown_algorithms():
    for call in (lambda: Digest.parse("md5:" + "a" * 64), lambda: digest_bytes(b"", "md5")):
        with pytest.raises(AlgorithmUnknown, match="md5"):
            call()


def test_a_mismatch_names_the_thing():
    right = digest_bytes(b"right")
    right.require(digest_bytes(b"right"), "model.gguf")
    with pytest.raises(DigestMismatch, match=r"model\.gguf"):
        right.require(digest_bytes(b"wrong"), "model.gguf")
    assert not right.matches(digest_bytes(b"right", "sha512"))
