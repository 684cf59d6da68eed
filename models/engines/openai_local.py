"""A local OpenAI-compatible engine that somebody else runs, such as a vendor's own server."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from models.engines.engine import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    EngineSpec,
    ProbeRequest,
    one_token_probe,
)
from models.errors import EngineUnable


class OpenAiLocal:
    """An engine that the box did not start and never stops; it must be on this machine.

    Accelerator vendors ship servers of their own (MindIE, LMDeploy, ...). They are declared with
    what they can do, probed like every other engine and refused anywhere but on loopback or a
    Unix socket, because the box makes no outbound connection.
    """

    name = "openai-local"
    external = True

    def __init__(
        self,
        declared: frozenset[str] = frozenset({CHAT, COMPLETIONS}),
        *,
        liveness_path: str = "/v1/models",
    ) -> None:
        unknown = declared - {CHAT, COMPLETIONS, EMBEDDINGS}
        if unknown:
            raise EngineUnable(engine=self.name, what=", ".join(sorted(unknown)))
        self._declared = declared
        self.liveness_path = liveness_path

    def capabilities(self, _spec: EngineSpec) -> frozenset[str]:
        """What was declared."""
        return self._declared

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        """Nothing to start; checks that the address is local.

        Raises:
            EngineUnable: The address is not on this machine.
        """
        if spec.address.uds is None and not _is_loopback(spec.address.host):
            raise EngineUnable(engine=self.name, what=f"{spec.address.host} 不在本机 not local")
        return ()

    def env(self, _spec: EngineSpec) -> dict[str, str]:
        """None."""
        return {}

    def files(self, _spec: EngineSpec) -> Mapping[Path, str]:
        """None."""
        return {}

    def probe(self, spec: EngineSpec) -> ProbeRequest:
        """One token or one embedding, by what was declared."""
        if CHAT in self._declared and COMPLETIONS not in self._declared:
            body = {
                "model": spec.model_id,
                "messages": [{"role": "user", "content": "1"}],
                "max_tokens": 1,
            }
            return ProbeRequest("POST", "/v1/chat/completions", body, "choices")
        return one_token_probe(spec)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
