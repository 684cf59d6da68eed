"""People's passwords: the argon2id of the ground floor in the shape this room asks for."""

from secure_compute.passwords import hash_password, needs_rehash, verify_password


class Argon2Passwords:
    """Passwords as argon2id hashes with the parameters of secure_compute.passwords."""

    def hash(self, password: str) -> str:
        """Return the encoded hash with its parameters and salt."""
        return hash_password(password)

    def verify(self, encoded: str, password: str) -> bool:
        """Tell whether the password made this hash; about 20 ms."""
        return verify_password(encoded, password)

    def outdated(self, encoded: str) -> bool:
        """Tell whether the hash was made with weaker parameters than today's."""
        return needs_rehash(encoded)
