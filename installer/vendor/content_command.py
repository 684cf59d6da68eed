"""`wardbox vendor add|add-model|build`: what goes into a bundle, and the bundle."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from installer.vendor.errors import VendorArgumentRefused
from installer.vendor.terminal import (
    add_folder,
    add_passphrase,
    add_time,
    moment,
    passphrases,
    say,
)

if TYPE_CHECKING:
    from appliance.updates.manifest import Requires
    from installer.vendor.bundle import Built

_MAX_DAYS: Final = 3650


def add_parsers(actions: Any) -> None:
    """Add these commands."""
    add = actions.add_parser("add", help="收入一个软件包 add a package of any kind")
    add.add_argument(
        "kind", choices=("software", "models", "evaluations", "baselines", "data"), metavar="KIND"
    )
    add.add_argument("path", type=Path, metavar="PATH", help="文件或目录 a file or a folder")
    add.add_argument("--card", type=Path, help="模型卡 card of a model (JSON)")
    add.add_argument("--id", help="编号 its id; software is always wardbox")
    add.add_argument("--version", help="版本 its version")
    add.add_argument("--title", help="中文名称 name in Chinese")
    add.add_argument("--title-en", help="英文名称 name in English")
    add.add_argument("--schema", type=int, help="数据库结构号 schema after a release")
    add.add_argument("--downtime", type=int, default=60, help="停机秒数 seconds away, of a release")
    model = actions.add_parser("add-model", help="收入一个模型 add a model")
    model.add_argument("model", type=Path, metavar="MODEL", help="GGUF、safetensors 或模型目录")
    model.add_argument("--card", type=Path, required=True, help="模型卡 its card (JSON)")
    for one in (add, model):
        one.add_argument(
            "--follows", action="append", default=[], help="可承接的版本 a release it may follow"
        )
        one.add_argument(
            "--hardware", action="append", default=[], help="硬件类别 a hardware class it is for"
        )
        one.add_argument("--box", help="仅许可该机 licensed to this box alone")
        one.add_argument(
            "--seal-to",
            dest="recipient",
            metavar="AGE1...",
            help="只有该机能解密的模型 a model that only the box of this recipient can open",
        )
        add_folder(one)
    build = actions.add_parser("build", help="生成并签名更新包 build and sign a bundle")
    build.add_argument("out", type=Path, metavar="OUT", help="空目录,如介质 an empty folder")
    build.add_argument("--days", type=int, default=400, help="有效天数 days that it holds")
    build.add_argument(
        "--from",
        type=Path,
        dest="earlier",
        metavar="OLD",
        help="增量:各机都已应用的更新包 a delta to this bundle, which every box has applied",
    )
    add_folder(build)
    add_time(build)
    add_passphrase(build)


def _add(args: argparse.Namespace) -> int:
    from appliance.updates.manifest import SOFTWARE, SOFTWARE_ID, Database  # noqa: PLC0415
    from installer.vendor.describing import Wanted  # noqa: PLC0415
    from installer.vendor.warehouse import Warehouse  # noqa: PLC0415
    from models.card import Bilingual  # noqa: PLC0415

    if args.kind == "models":
        args.model = _given(args.path, "PATH")
        _given(args.card, "--card")
        return _add_model(args)
    if args.recipient is not None:
        raise VendorArgumentRefused(
            name="--seal-to", reason_zh="仅用于模型", reason_en="it is for models alone"
        )
    package_id = SOFTWARE_ID if args.kind == SOFTWARE else _given(args.id, "--id")
    title = args.title or package_id
    database = None if args.schema is None else Database(args.schema, args.downtime)
    wanted = Wanted(
        kind=args.kind,
        package_id=package_id,
        version=_given(args.version, "--version"),
        title=Bilingual(title, args.title_en or title),
        requires=_requires(args),
        database=database,
    )
    Warehouse(args.directory).add_files(wanted, args.path)
    say(f"已收入 added  {wanted.kind} {wanted.package_id} {wanted.version}")
    return 0


def _add_model(args: argparse.Namespace) -> int:
    from installer.vendor.warehouse import Warehouse  # noqa: PLC0415

    card = Warehouse(args.directory).add(args.model, args.card, _requires(args), args.recipient)
    say(f"已收入 added  {card.id} {card.version}  {card.name.zh} {card.name.en}")
    return 0


def _requires(args: argparse.Namespace) -> "Requires":
    from appliance.updates.manifest import Requires  # noqa: PLC0415

    return Requires(tuple(args.follows), tuple(args.hardware), args.box)


def _given(value: Any, name: str) -> Any:
    if value is None:
        raise VendorArgumentRefused(name=name, reason_zh="缺失", reason_en="it is missing")
    return value


def _build(args: argparse.Namespace) -> int:
    from installer.vendor.bundle import Builder  # noqa: PLC0415
    from installer.vendor.ceremony import KEYS  # noqa: PLC0415
    from installer.vendor.keys import KeyFolder  # noqa: PLC0415

    if not 1 <= args.days <= _MAX_DAYS:
        raise VendorArgumentRefused(
            name="--days", reason_zh="应为 1 至 3650", reason_en="it must be 1 to 3650"
        )
    now = moment(args)
    keys = KeyFolder(args.directory / KEYS, passphrases(args))
    built = Builder(args.directory, keys).build(args.out, now, args.days, args.earlier)
    say(_told(built))
    say(f"更新包 bundle  {args.out}  第 {built.version} 版 version, {built.size} B")
    return 0


def _told(built: "Built") -> str:
    """Each package with what the stick carries of it."""
    lines = []
    for package in built.packages:
        share = 100 * package.shipped / max(1, package.size)
        lines.append(
            f"{package.kind} {package.package_id} {package.version}"
            f"  {package.size} B, 随包 shipped {package.shipped} B ({share:.1f} %)"
        )
    return "\n".join(lines)


ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "add": _add,
    "add-model": _add_model,
    "build": _build,
}
