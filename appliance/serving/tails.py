"""What the box adds to every request for an engine: adapters, and no prefix shared by tenants."""

import base64
import hmac
from collections.abc import Callable
from typing import Final

import msgspec

LLAMA: Final = "llama.cpp"
VLLM: Final = "vllm"
# llama-server knows no salt: a prefix kept in a slot would tell one tenant by timing what another
# one asked, so nothing is kept between requests.
_UNCACHED: Final = b',"cache_prompt":false'


def tail_of(engine: str, adapters: int, chosen: int | None) -> bytes:
    """The members that go with every request to an engine, with a leading comma.

    Every adapter is named with a scale, the base by zeros alone: llama-server takes an empty list
    for none given and then applies all of them (llama.cpp server-context.cpp, `task.params.lora`).

    Args:
        engine: Name of the engine.
        adapters: How many adapters it was started with.
        chosen: The one that answers, by its place in the command line; None: the base alone.
    """
    if engine != LLAMA:
        return b""
    if not adapters:
        return _UNCACHED
    scales = [{"id": place, "scale": float(place == chosen)} for place in range(adapters)]
    return _UNCACHED + b',"lora":' + msgspec.json.encode(scales)


def salt_of(engine: str, secret: bytes) -> Callable[[str], bytes] | None:
    """Make the members that keep one tenant's cached prefixes from another's.

    vLLM mixes `cache_salt` into the hash of a prefix's first block, so that only requests with
    the same salt find it (vLLM, automatic prefix caching, cache isolation).

    Args:
        engine: Name of the engine.
        secret: A key of the box; salts cannot be guessed from tenants' names.

    Returns:
        From a tenant (the id of a key, or a user) to members with a leading comma; None for
        engines without a salt, which keep nothing between requests (`tail_of`).
    """
    if engine != VLLM:
        return None

    def salted(tenant: str) -> bytes:
        mark = hmac.digest(secret, b"cache-salt\0" + tenant.encode(), "sha256")
        return b',"cache_salt":"' + base64.urlsafe_b64encode(mark) + b'"'

    return salted
