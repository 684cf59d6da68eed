"""A box that forwards and is killed: opens its log, writes and forwards until it is no more."""

import sys
import time
from pathlib import Path

from appliance.audit.rendering.meaning import Source
from appliance.forwarding import forwarder
from appliance.forwarding.service import ForwardRules
from appliance.forwarding.syslog import Sender
from tests.appliance.forwarding.conftest import Sending
from tests.appliance.forwarding.receiver import Papers


class Given(Papers):
    """The papers of the test that started this."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


def main(folder: Path, papers: Path, port: int) -> None:
    forwarder._IDLE_S = 0.05
    source = Source("wardbox/test", "box", "1")
    rules = ForwardRules(Sender(source, 13, "json"), from_start=True, confirm_s=0.2)
    sending = Sending(folder, Given(papers), rules)
    sending.to(port)
    sending.start()
    while True:
        size = sending.write(20)
        sys.stdout.write(f"{size}\n")
        sys.stdout.flush()
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
