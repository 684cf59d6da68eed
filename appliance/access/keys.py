"""API keys: judging a wish for one, and the live credential it becomes."""

from dataclasses import astuple
from math import inf, isfinite
from typing import Final

from appliance.access.errors import AccessForbidden, KeyWishInvalid
from appliance.access.grants import Grant, KeyView, KeyWish
from appliance.access.index import Credential
from appliance.access.key_store import StoredKey
from appliance.access.limits import Limits
from appliance.access.quota import Quota
from appliance.access.roles import KEY_ROLE, SCOPES

MAX_LIMIT: Final = 10**12
MAX_NAME: Final = 64
MAX_MODELS: Final = 256
# A key that was made by a key that was made by a key ...; each is looked up when one of them changes.
MAX_GENERATIONS: Final = 8


def judge_wish(wish: KeyWish, by: Grant, now: float) -> None:
    """Check a wish for a key against what its maker may give away.

    Args:
        wish: What is asked for.
        by: Who asks.
        now: Unix time in seconds.

    Raises:
        KeyWishInvalid: Something in it cannot be.
        AccessForbidden: It holds a scope or a model that its maker lacks.
    """
    if not 1 <= len(wish.name.strip()) <= MAX_NAME or not wish.name.isprintable():
        raise KeyWishInvalid(
            reason_zh="名称须为 1 至 64 个可见字符",
            reason_en="its name must have 1-64 visible characters",
        )
    if not wish.scopes:
        raise KeyWishInvalid(reason_zh="至少需要一个权限", reason_en="it needs at least one scope")
    unknown = sorted(wish.scopes - SCOPES)
    if unknown:
        raise KeyWishInvalid(
            reason_zh=f"没有权限 {unknown[0][:64]}",
            reason_en=f"there is no scope {unknown[0][:64]}",
        )
    lacking = sorted(wish.scopes - by.scopes)
    if lacking:
        raise AccessForbidden(scope=lacking[0])
    _judge_models(wish, by)
    if wish.expires is not None and not (isfinite(wish.expires) and wish.expires > now):
        raise KeyWishInvalid(reason_zh="到期时间已过", reason_en="its expiry lies in the past")
    judge_limits(wish.limits)


def judge_maker(maker: KeyView, generations: int) -> None:
    """Check that a key may make keys at all.

    Args:
        maker: The key that makes another.
        generations: How many keys stand behind each other, the maker last.

    Raises:
        KeyWishInvalid: It has limits, which a key without any would step over; or too many stand
            behind it.
    """
    if not maker.limits.none():
        raise KeyWishInvalid(
            reason_zh="有限额的密钥不能创建密钥", reason_en="a key with limits makes no other keys"
        )
    if generations >= MAX_GENERATIONS:
        raise KeyWishInvalid(
            reason_zh=f"密钥创建密钥最多 {MAX_GENERATIONS} 层",
            reason_en=f"keys make keys over {MAX_GENERATIONS} generations at most",
        )


def judge_limits(limits: Limits) -> None:
    """Raise KeyWishInvalid when a limit is no positive whole number."""
    for limit in astuple(limits):
        if limit is not None and not 1 <= limit <= MAX_LIMIT:
            raise KeyWishInvalid(
                reason_zh="限额必须是正整数", reason_en="a limit must be a positive whole number"
            )


def credential_of(
    key: StoredKey, scopes: frozenset[str], quota: Quota | None, until: float = inf
) -> Credential:
    """Make the live credential of a stored key.

    Args:
        key: the key.
        scopes: what it may do now: its own scopes, as far as its owner still has them.
        quota: its limits.
        until: when the key that made it ends, Unix seconds.
    """
    view: KeyView = key.view
    grant = Grant(
        f"key:{view.id}",
        scopes,
        view.models,
        view.id,
        KEY_ROLE,
        credential=view.id,
        owner=view.owner,
        label=view.name,
    )
    expires = until if view.expires is None else min(until, view.expires)
    return Credential(key.salt, key.digest, grant, expires, quota=quota)


def _judge_models(wish: KeyWish, by: Grant) -> None:
    if wish.models is None:
        if by.models is not None:
            raise KeyWishInvalid(
                reason_zh="须列出允许的模型", reason_en="the allowed models must be listed"
            )
        return
    if not 1 <= len(wish.models) <= MAX_MODELS:
        raise KeyWishInvalid(
            reason_zh="允许的模型须为 1 至 256 个", reason_en="it must allow 1-256 models"
        )
    if by.models is not None and not wish.models <= by.models:
        raise KeyWishInvalid(
            reason_zh="其中有你不能使用的模型", reason_en="it names a model you may not use"
        )
