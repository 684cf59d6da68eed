"""Compiles the hot path with mypyc: a program of its own, run by the environment that will load it."""

import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Distribution  # type: ignore[import-untyped]

from appliance.compiled import GROUP, MODULES
from installer.builds import build_once


def main() -> int:
    """Compile into the folder that the one argument names; run in the checkout."""
    build_once(Path(sys.argv[1]), compile_into)
    return 0


def compile_into(folder: Path) -> Path:
    """Compile every module of the hot path; the libraries lie where their packages would."""
    extensions = mypycify(
        ["--cache-dir", str(folder / "types"), *(f"{n.replace('.', '/')}.py" for n in MODULES)],
        opt_level="2",
        debug_level="0",
        target_dir=str(folder / "c"),
        group_name=GROUP,
    )
    distribution = Distribution({"name": "wardbox-hot", "ext_modules": extensions})
    build = distribution.get_command_obj("build_ext")
    build.build_lib = str(folder / "lib")
    build.build_temp = str(folder / "objects")
    distribution.run_command("build_ext")
    return folder / "lib"


if __name__ == "__main__":
    sys.exit(main())
