"""`wardbox vendor inspect|diff|publish`: what is on a bundle, what changed, and putting it on a stick."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from installer.vendor.terminal import add_folder, add_time, moment, plain, say

if TYPE_CHECKING:
    from installer.vendor.difference import Difference
    from installer.vendor.inspection import Inspected


def add_parsers(actions: Any) -> None:
    """Add these commands."""
    look = actions.add_parser("inspect", help="查看更新包 what is on a bundle")
    look.add_argument("bundle", type=Path, metavar="BUNDLE")
    look.add_argument("--root", type=Path, help="用信任根校验 judge it against a trust root")
    look.add_argument("--json", action="store_true", help="JSON")
    diff = actions.add_parser("diff", help="比较两个更新包 what changed between two bundles")
    diff.add_argument("old", type=Path, metavar="OLD")
    diff.add_argument("new", type=Path, metavar="NEW")
    diff.add_argument("--json", action="store_true", help="JSON")
    publish = actions.add_parser("publish", help="写入介质并读回校验 put a bundle on a stick")
    publish.add_argument("stick", type=Path, metavar="DIR", help="介质目录 where it is mounted")
    publish.add_argument("--bundle", type=Path, required=True, help="更新包 a finished bundle")
    publish.add_argument("--root", type=Path, help="信任根 the root boxes trust (DIR/root.json)")
    add_folder(publish)
    for one in (look, publish):
        add_time(one)


def _inspect(args: argparse.Namespace) -> int:
    from installer.vendor import inspection  # noqa: PLC0415

    if args.root is None:
        found = inspection.look(args.bundle)
    else:
        found = inspection.judge(args.bundle, args.root, moment(args))
    say(found.to_json() if args.json else _told(found))
    return 1 if any(package.fault for package in found.packages) else 0


def _diff(args: argparse.Namespace) -> int:
    from installer.vendor.difference import compare  # noqa: PLC0415

    found = compare(args.old, args.new)
    say(found.to_json() if args.json else _told_difference(found))
    return 0


def _publish(args: argparse.Namespace) -> int:
    from installer.vendor.publishing import publish  # noqa: PLC0415
    from installer.vendor.roster import ROOT_FILE  # noqa: PLC0415

    root = args.directory / ROOT_FILE if args.root is None else args.root
    found = publish(args.bundle, args.stick, root, moment(args))
    say(_told(found))
    say(f"✓ 已写入 {args.stick} 并读回校验,可以拔出。 Written and read back: it can be unplugged.")
    return 0


def _told(found: "Inspected") -> str:
    lines = [f"签名时间 signed  {found.signed_at}"]
    lines += [
        f"{role.name:<12}第 {role.version} 版 version, 有效期至 expires {role.expires},"
        f" {role.signatures} 个签名 signatures, 门限 threshold {role.threshold} / {len(role.keys)}"
        for role in found.roles
    ]
    for one in found.packages:
        lines.append(f"{one.kind}  {one.id} {one.version}  {one.title_zh} {one.title_en}")
        lines += [f"  {name}" for name in one.files]
        lines.append(f"  {one.bytes} B, 介质上 on the stick {one.shipped} B")
        lines += [f"  仅限一体机 only for the box {one.box}"] * bool(one.box)
        lines += [f"  ✗ {one.fault}"] * bool(one.fault)
    if found.trusted:
        lines.append(
            f"✓ 由此信任根签名,内容完整。 Signed under this root, whole. {found.fingerprint}"
        )
    else:
        lines.append(
            "! 未校验签名:以上内容未经证实。用 --root ROOT.json 校验。\n"
            "! No signature was checked: nothing above is proven. Judge it with --root ROOT.json."
        )
    return "\n".join(plain(line) for line in lines)


def _told_difference(found: "Difference") -> str:
    lines = []
    for package in found.packages:
        versions = " -> ".join((package.old_version or "-", package.new_version or "-"))
        lines.append(f"{package.kind}  {package.id}  {versions}  {package.shipped} B")
    for role in found.roles:
        lines.append(f"{role.name:<12}第 {role.old_version} -> {role.new_version} 版 version")
        if role.old_threshold != role.new_threshold:
            lines.append(f"  门限 threshold {role.old_threshold} -> {role.new_threshold}")
        lines += [f"  + 密钥 key {key}" for key in role.keys_added]
        lines += [f"  - 密钥 key {key}" for key in role.keys_removed]
    if not lines:
        lines.append("没有差别。 No difference.")
    lines.append("! 未校验签名。 No signature was checked.")
    return "\n".join(plain(line) for line in lines)


ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "inspect": _inspect,
    "diff": _diff,
    "publish": _publish,
}
