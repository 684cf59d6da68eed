"""LiteLLM's proxy as a peer: a master key, no database, one worker, nothing logged per request."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.benchmarks.gateway import free_port
from tests.benchmarks.peers.asking import MODEL, answers
from tests.benchmarks.peers.processes import Front, group, wait_until

NAME = "litellm"


@contextmanager
def started(environment: Path, engine: int, folder: Path) -> Iterator[Front]:
    """The proxy in front of the engine on that port of loopback."""
    port, key = free_port(), f"sk-{secrets.token_hex(16)}"
    engine_at = {
        "model": "openai/stub",
        "api_base": f"http://127.0.0.1:{engine}/v1",
        "api_key": "stub",
    }
    config = folder / "litellm.yaml"  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": MODEL, "litellm_params": engine_at}],
                "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
            }
        )
    )
    where = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    argv = [str(environment / "bin" / "litellm"), *where, "--num_workers", "1"]
    alone = {
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
    }
    log = folder / "litellm.log"
    with group(argv, log, **alone) as process:
        wait_until(NAME, process, log, 240, lambda: answers(port, key))
        yield Front(NAME, port, key, (psutil.Process(process.pid),), warm_s=5.0)
