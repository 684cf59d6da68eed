"""Compiles the hot path with mypyc: a program of its own, run by the environment that will load it."""

import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Distribution  # type: ignore[import-untyped]

from appliance.compiled import GROUP, MODULES


def main() -> int:
    """Compile into the folder that the one argument names; run in the checkout."""
    target = Path(sys.argv[1])
    sources = [name.replace(".", "/") + ".py" for name in MODULES]
    extensions = mypycify(
        ["--cache-dir", str(target / "types"), *sources],
        opt_level="2",
        debug_level="0",
        target_dir=str(target / "c"),
        group_name=GROUP,
    )
    distribution = Distribution({"name": "wardbox-hot", "ext_modules": extensions})
    build = distribution.get_command_obj("build_ext")
    build.build_lib = str(target / "lib")
    build.build_temp = str(target / "objects")
    distribution.run_command("build_ext")
    return 0


if __name__ == "__main__":
    sys.exit(main())
