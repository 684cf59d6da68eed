"""Which packages a bundle holds: the manifests that the roles sign for, read and held against them."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from tuf.api.metadata import TargetFile, Targets  # type: ignore[attr-defined]

from appliance.updates.errors import ContentRefused, MetadataRefused
from appliance.updates.fetcher import TARGETS, Stick, shown
from appliance.updates.manifest import KINDS, MAX_MANIFEST, PACKAGE, Package
from appliance.updates.reading import ID, VERSION, read_package

MAX_PACKAGES: Final = 1024
TARGET: Final = re.compile(
    rf"({'|'.join(KINDS)})/({ID.pattern})/({VERSION.pattern})/{re.escape(PACKAGE)}"
)


def packages_in(
    stick: Stick, roles: Mapping[str, Targets], find: Callable[[str], TargetFile | None]
) -> tuple[Package, ...]:
    """Read the packages that verified roles name.

    Args:
        stick: The bundle.
        roles: Kind -> the verified role of that name.
        find: Looks a path up the way TUF does, from the top.

    Returns:
        The packages, by kind and id.

    Raises:
        ContentRefused: A path may not stand in a bundle, or a manifest is missing or another one.
        MetadataRefused: A manifest is malformed, or there are too many.
        StickUnreadable: The stick fails.
    """
    found: dict[tuple[str, str], Package] = {}
    count = sum(len(role.targets) for role in roles.values())
    if count > MAX_PACKAGES:
        raise MetadataRefused(
            name="targets", reason_zh="软件包过多", reason_en="it names too many packages"
        )
    for kind, role in sorted(roles.items()):
        for path, target in sorted(role.targets.items()):
            form = TARGET.fullmatch(path)
            # Asked again the whole way round: what the role may not sign for, nobody finds there.
            if form is None or form[1] != kind or find(path) != target:
                raise _refused(path, "该路径不允许出现在更新包中", "it may not stand in a bundle")
            if (kind, form[2]) in found:
                raise _refused(path, "同一软件包有两个版本", "one package comes in two versions")
            found[kind, form[2]] = _read(stick, path, target)
    return tuple(package for _, package in sorted(found.items()))


def _read(stick: Stick, path: str, target: TargetFile) -> Package:
    folder, _, last = path.rpartition("/")
    digest = target.hashes["sha256"]
    place = f"{TARGETS}/{folder}/{digest}.{last}"
    if target.length > MAX_MANIFEST:
        raise _refused(path, "清单过大", "its manifest is too large")
    raw = stick.small(place, target.length)
    if raw is None:
        raise _refused(place, "文件缺失", "it is missing")
    if len(raw) != target.length or sha256(raw).hexdigest() != digest:
        raise _refused(place, "内容与签名不符", "its content is not the signed one")
    package = read_package(raw, place)
    if package.target != path:
        raise _refused(place, "属于其他软件包", "it is another package's")
    return package


def _refused(name: str, zh: str, en: str) -> ContentRefused:
    return ContentRefused(name=shown(name), reason_zh=zh, reason_en=en)
