"""Runtime hook of the built binaries: lets `wardbox -m MODULE` run a worker, as an interpreter would.

The box starts its workers as `sys.executable [-P] -m MODULE`; in a build, `sys.executable` is the box itself.
Only modules of the house can be named.
"""

import runpy
import sys

HOUSE = ("appliance", "eval", "firmware_checks", "installer", "models", "secure_compute", "tui")

match sys.argv:
    # A build looks for modules in itself alone: what -P asks for holds anyway.
    case [program, "-m", module, *words] | [program, "-P", "-m", module, *words] if (
        module.split(".")[0] in HOUSE
    ):
        sys.argv = [program, *words]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        sys.exit(0)
