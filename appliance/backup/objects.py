"""What a backup is made of: the names of its objects, among whatever else lies on a target."""

import re
from collections.abc import Callable
from typing import Final

from appliance.backup.errors import TargetRefused

PART: Final = ".part"
LARGEST: Final = 1 << 30
"""More than any object ever is; what is longer was put there by somebody else."""
TRIAL: Final = "wardbox-trial"
"""What is written to a target, and taken away again, when it is named."""
FOLDERS: Final = ("lists", "index", "packs")

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}(/[a-z0-9][a-z0-9.-]{0,80}){0,2}", re.ASCII)
_OBJECT: Final = re.compile(
    r"lists/[0-9]{10}|index/[0-9a-f]{64}|packs/(?P<shard>[0-9a-f]{2})/(?P=shard)[0-9a-f]{62}"
    r"|wardbox-(?:backup|disk)\.json|wardbox-trial|keys\.age|unlock\.json|open-(?:backup|database)\.py",
    re.ASCII,
)
_SHARD: Final = re.compile(r"packs/[0-9a-f]{2}", re.ASCII)

Files = list[tuple[str, int]]
"""Names, with the path, and sizes."""
Folders = list[str]
Scan = Callable[[str], tuple[Files, Folders]]
"""What lies directly in a folder."""


def checked(name: str) -> str:
    """A name that may stand in a path. Raises TargetRefused."""
    if not _NAME.fullmatch(name):
        raise TargetRefused(name=ascii(name[:80]), reason_zh="名称不合规", reason_en="bad name")
    return name


def finished(scan: Scan, folder: str) -> dict[str, int]:
    """Names and sizes of the finished objects below a folder.

    File servers and desktops leave files of their own everywhere: those are nobody's objects.
    """
    return {name: size for name, size in _below(scan, folder) if _OBJECT.fullmatch(name)}


def unfinished(scan: Scan) -> list[str]:
    """What interrupted writes of objects left; other people's `.part` files are theirs."""
    return [
        name
        for folder in ("", *FOLDERS)
        for name, _ in _below(scan, folder)
        if name.endswith(PART) and _OBJECT.fullmatch(name.removesuffix(PART))
    ]


def _below(scan: Scan, folder: str) -> Files:
    """As deep as objects lie and no deeper: somebody may have made folders without end."""
    files, folders = scan(folder)
    for one in sorted(folders):
        if _SHARD.fullmatch(one):
            files = files + scan(one)[0]
    return sorted(files)
