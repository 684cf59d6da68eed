"""Runs cryptsetup and its neighbours for the vault: argument lists, a bare environment, last words."""

from typing import Final

from appliance.vault.background import Background
from appliance.vault.luks_support import missing
from appliance.vault.mount import Keeper
from models.errors import EngineMissing

_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
}


class Tools:
    """Runs one program after another, each to its end; none outlives this process.

    Args:
        keeper: starts programs.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._background = Background()

    def run(self, argv: tuple[str, ...]) -> tuple[int, str]:
        """The exit status of a program and the last line that it wrote.

        Raises:
            VaultUnsupported: the program is not installed.
        """
        try:
            return self._background.run(self._whole(argv))
        except EngineMissing:
            raise missing(argv[0]) from None
        finally:
            self._background.close()

    async def _whole(self, argv: tuple[str, ...]) -> tuple[int, str]:
        child = await self._keeper.start(argv, _ENVIRONMENT)
        end = await child.wait()
        lines = [line.strip() for line in child.tail() if line.strip()]
        return end.code, lines[-1] if lines else f"{argv[0]}: {end.code}"
