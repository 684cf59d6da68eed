"""GPUStack's command, listening on loopback alone; run by the interpreter of GPUStack's environment.

Without its packaged Envoy the server binds every address of the machine, and no option says otherwise.
"""

import sys

import uvicorn
from gpustack.config.config import Config
from gpustack.main import main


class LoopbackConfig(uvicorn.Config):
    """uvicorn's configuration with the host decided."""

    def __init__(self, *words, **options) -> None:
        super().__init__(*words, **{**options, "host": "127.0.0.1"})


if __name__ == "__main__":
    uvicorn.Config = LoopbackConfig
    Config.get_proxy_listen_address = lambda _self, _default="": "127.0.0.1"
    sys.exit(main())
