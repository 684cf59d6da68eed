"""A declared OpenAI-compatible engine (SGLang, MindIE, LMDeploy, ...), started by the box or not."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.engines.declaration import Declaration
from models.engines.engine import (
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    QUIET,
    RERANK,
    EngineSpec,
    LoadStep,
    ProbeRequest,
    Pulse,
)
from models.engines.errors import SecretMissing
from models.engines.progress import vllm_step
from models.errors import EngineUnable

_SECRET_BYTES: Final = 4096


class Declared:
    """An engine as its declaration says.

    Accelerator vendors ship servers of their own. They are probed like every other engine and
    refused anywhere but on loopback or a Unix socket: the box makes no outbound connection.
    """

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration

    @property
    def name(self) -> str:
        """As declared."""
        return self._declaration.name

    @property
    def external(self) -> bool:
        """True where it has an address of its own."""
        return self._declaration.address is not None

    @property
    def spawns(self) -> bool:
        """Nobody knows; so a guard watches every one that the box starts."""
        return not self.external

    @property
    def clustered(self) -> bool:
        """Where its command line names Ray as what runs its workers (`--...-backend ray`)."""
        return any(word == "ray" or word.endswith("=ray") for word in self._declaration.argv)

    @property
    def liveness_path(self) -> str:
        """As declared."""
        return self._declaration.health

    @property
    def pulse(self) -> Pulse | None:
        """As declared."""
        return self._declaration.pulse

    def capabilities(self, _spec: EngineSpec) -> frozenset[str]:
        """What was declared."""
        return self._declaration.abilities

    def load_step(self, line: str) -> LoadStep | None:
        """Most of these servers load shards with the bars that vLLM has as well."""
        return vllm_step(line)

    def argv(self, spec: EngineSpec) -> tuple[str, ...]:
        """The command line with its places filled; empty where nothing is started.

        Raises:
            EngineUnable: It wants a socket, and the socket's path is too long for one.
        """
        if self.external:
            return ()
        wants_socket = any("{uds}" in word for word in self._declaration.argv)
        if wants_socket and spec.address.uds is None:
            raise EngineUnable(
                engine=self.name, what="套接字路径过长 the socket's path is too long"
            )
        places = _places(spec)
        return tuple(word.format_map(places) for word in self._declaration.argv)

    def env(self, spec: EngineSpec) -> dict[str, str]:
        """The whole environment: quiet, with the declared variables and the secret."""
        if self.external:
            return {}
        places, directory = _places(spec), str(spec.runtime_dir)
        env = {**spec.cluster, **QUIET, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": directory}
        env |= {"TMPDIR": directory, "OMP_NUM_THREADS": str(spec.placement.threads)}
        env |= {name: value.format_map(places) for name, value in self._declaration.env.items()}
        if self._declaration.secret_env:
            env[self._declaration.secret_env] = spec.secret
        return env

    def files(self, spec: EngineSpec) -> Mapping[Path, str]:
        """The file with the secret, where an argument names it."""
        wanted = any("{secret_file}" in word for word in self._declaration.argv)
        return {_secret_file(spec): spec.secret + "\n"} if wanted else {}

    def probe(self, spec: EngineSpec) -> ProbeRequest:
        """One token, one embedding, one ranking or one judgement, by what was declared."""
        able = self._declaration.abilities
        model = self._declaration.upstream_model or spec.model_id
        if CHAT in able and COMPLETIONS not in able:
            body: dict[str, object] = {
                "model": model,
                "messages": [{"role": "user", "content": "1"}],
                "max_tokens": 1,
            }
            return ProbeRequest("POST", "/v1/chat/completions", body, "choices")
        if COMPLETIONS in able:
            plain = {"model": model, "prompt": "1", "max_tokens": 1, "temperature": 0}
            return ProbeRequest("POST", "/v1/completions", plain, "choices")
        if EMBEDDINGS in able:
            asked = {"model": model, "input": "1"}
            return ProbeRequest("POST", "/v1/embeddings", asked, "embedding")
        if RERANK in able:
            wanted = {"model": model, "query": "1", "documents": ["1"]}
            return ProbeRequest("POST", "/v1/rerank", wanted, "results")
        return ProbeRequest("POST", "/v1/moderations", {"model": model, "input": "1"}, "flagged")


def secret_of(declaration: Declaration, environ: Mapping[str, str]) -> str:
    """The bearer of an engine that somebody else runs, "" where none is declared.

    Args:
        declaration: The engine.
        environ: The box's own environment.

    Raises:
        SecretMissing: The file or variable is not there, or others can read the file.
    """
    if declaration.secret_env:
        found = environ.get(declaration.secret_env, "")
        if not found:
            raise _missing(declaration, "环境变量未设置", "the variable is not set")
        return _bearer(declaration, found)
    if declaration.secret_file is None:
        return ""
    try:
        descriptor = os.open(declaration.secret_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            mode = os.fstat(descriptor).st_mode
            raw = stream.read(_SECRET_BYTES) if stat.S_ISREG(mode) else b""
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _missing(declaration, why, why) from error
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise _missing(declaration, "文件权限过宽", "others can read the file")
    return _bearer(declaration, raw.decode("utf-8", "replace").partition("\n")[0])


def _bearer(declaration: Declaration, text: str) -> str:
    bearer = text.strip()
    if not bearer or not bearer.isascii() or not bearer.isprintable() or " " in bearer:
        raise _missing(declaration, "内容不能作为令牌", "it cannot be a bearer")
    return bearer


def _missing(declaration: Declaration, zh: str, en: str) -> SecretMissing:
    return SecretMissing(name=declaration.name, reason_zh=zh, reason_en=en)


def _secret_file(spec: EngineSpec) -> Path:
    return spec.runtime_dir / "engine.key"


def _places(spec: EngineSpec) -> dict[str, str]:
    place = spec.placement
    return {
        "model_path": str(spec.model_path),
        "model_id": spec.model_id,
        "host": spec.address.host,
        "port": str(spec.address.port),
        "uds": str(spec.address.uds or ""),
        "context": str(place.context),
        "slots": str(place.slots),
        "threads": str(place.threads),
        "tensor_parallel": str(place.tensor_parallel),
        "devices": ",".join(map(str, place.devices)),
        "memory_share": f"{place.memory_share:.2f}",
        "secret_file": str(_secret_file(spec)),
        "runtime_dir": str(spec.runtime_dir),
    }
