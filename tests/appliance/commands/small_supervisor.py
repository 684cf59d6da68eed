"""The real supervisor over a box that is a few lines: it writes down when it serves and when it ends."""

import os
import sys
from pathlib import Path

from appliance.commands import supervise
from appliance.commands.pid_lock import only_one
from appliance.settings.layout import StateLayout
from appliance.vault.handover import KeyHandover
from secure_compute.secret import Secret

BOX = """\
import signal, sys, time
log, name = sys.argv[1:]
def tell(word):
    with open(log, "a") as stream:
        stream.write(f"{name} {word}\\n")
def end(*_):
    tell("ends")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
tell("serves")
while True:
    time.sleep(1)
"""


def main() -> int:
    name = sys.argv[1]
    layout = StateLayout(Path(os.environ["WARDBOX_STATE"]))
    log = layout.root.parent / "log"

    def spawn(environ):
        return supervise._start((sys.executable, "-c", BOX, str(log), name), environ)

    supervise._spawn = spawn
    with only_one(layout.supervise_pid):
        made = supervise.Supervisor(layout, dict(os.environ))
        key = made._key.read()
        if key is None:
            made._key.write(Secret(name.encode().ljust(32)))
        else:
            with log.open("a") as stream:
                stream.write(f"{name} has the key of {bytes(key.view()).decode().strip()}\n")
        assert isinstance(made._key, KeyHandover)
        return made.run()


if __name__ == "__main__":
    sys.exit(main())
