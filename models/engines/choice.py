"""Which engine runs a model, and on what; what cannot run says why, and nothing falls back quietly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from models.capacity import Device
from models.card import Bilingual
from models.engines.declaration import Declaration
from models.engines.declared import Declared
from models.engines.engine import Engine
from models.engines.errors import EngineNotInstalled
from models.engines.llama_cpp import LlamaCpp, backend_of, find_llama_server
from models.engines.vllm import Vllm
from models.errors import EngineUnable, NoAccelerator
from models.formats.summary import ModelSummary
from models.hardware.facts import Hardware

# Which installed environment of vLLM drives which vendor's cards; a CPU has its own build.
FLAVOURS: Final[Mapping[str, str]] = {
    "nvidia": "vllm",
    "ascend": "vllm-ascend",
    "hygon": "vllm-hygon",
    "cambricon": "vllm-cambricon",
    "mthreads": "vllm-mthreads",
    "metax": "vllm-metax",
    "iluvatar": "vllm-iluvatar",
    "kunlun": "vllm-kunlun",
    "": "vllm-cpu",
}


@dataclass(frozen=True, slots=True)
class Offers:
    """What is there to choose from.

    Attributes:
        servers: Where `llama-server` may be.
        environments: Interpreters of installed vLLM environments by flavour.
        declared: Engines of the site.
    """

    servers: tuple[Path, ...]
    environments: Mapping[str, Path] = field(default_factory=dict)
    declared: tuple[Declaration, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine for a model.

    Attributes:
        engine: The engine.
        device: Where it shall run: what the plan is made for.
        why: The choice as a sentence.
        declaration: The site's declaration, if it is one of those.
    """

    engine: Engine
    device: Device
    why: Bilingual
    declaration: Declaration | None = None


def choose(
    model_id: str, summary: ModelSummary, hardware: Hardware, wanted: Device, offers: Offers
) -> Choice:
    """Chooses by declaration first, then by format and hardware.

    Args:
        model_id: The model's id on this box.
        summary: Its format and shape.
        hardware: What the machine has.
        wanted: "gpu" insists on an accelerator, "cpu" forbids them, "auto" takes them if any.
        offers: What is installed and declared.

    Raises:
        NoAccelerator: One is insisted on, and none is usable.
        EngineNotInstalled: The engine for this format and these cards is not installed.
        EngineUnable: The build of the engine cannot drive the cards, or no engine takes the format.
        EngineMissing: There is no llama-server.
    """
    for declaration in offers.declared:
        if model_id in declaration.models:
            why = Bilingual(f"本院声明的引擎 {declaration.name}", f"declared: {declaration.name}")
            return Choice(Declared(declaration), wanted, why, declaration)
    if wanted == "gpu" and not hardware.accelerators:
        reasons = "; ".join(f"{found.vendor}: {found.reason}" for found in hardware.unreadable)
        raise NoAccelerator(reason_zh=reasons or "未检测到", reason_en=reasons or "none was found")
    if summary.kind == "gguf":
        return _llama_cpp(hardware, wanted, offers)
    if summary.kind == "folder":
        return _vllm(hardware, wanted, offers)
    raise EngineUnable(
        engine="vllm",
        what="单个 safetensors 文件,缺少 config.json 与分词器 a single file without its folder",
    )


def _llama_cpp(hardware: Hardware, wanted: Device, offers: Offers) -> Choice:
    server = find_llama_server(offers.servers)
    engine = LlamaCpp(server)
    vendors = sorted({card.vendor for card in hardware.accelerators})
    if wanted == "cpu" or not vendors:
        return Choice(engine, "cpu", Bilingual("GGUF,处理器", "GGUF on the processor"))
    backends = {vendor: backend_of(server, vendor) for vendor in vendors}
    if any(backends.values()):
        return Choice(engine, wanted, Bilingual("GGUF,加速卡", "GGUF on an accelerator"))
    if wanted == "gpu":
        what = f"llama-server 未带 {', '.join(vendors)} 后端 built without a back end for them"
        raise EngineUnable(engine=engine.name, what=what)
    # Nobody insisted: the processor it is, and the sentence says so wherever it is shown.
    return Choice(
        engine,
        "cpu",
        Bilingual(
            f"GGUF,处理器:llama-server 未带 {', '.join(vendors)} 后端",
            f"GGUF on the processor: llama-server has no back end for {', '.join(vendors)}",
        ),
    )


def _vllm(hardware: Hardware, wanted: Device, offers: Offers) -> Choice:
    vendors = [] if wanted == "cpu" else sorted({card.vendor for card in hardware.accelerators})
    flavours = [FLAVOURS[vendor] for vendor in vendors if vendor in FLAVOURS]
    if vendors and not flavours:
        raise EngineUnable(engine="vllm", what=", ".join(vendors))
    for flavour in flavours or [FLAVOURS[""]]:
        python = offers.environments.get(flavour)
        if python is not None:
            device: Device = "gpu" if vendors else "cpu"
            return Choice(
                Vllm(python), device, Bilingual(f"safetensors,{flavour}", f"safetensors: {flavour}")
            )
    # With cards at hand the processor is never taken instead of them.
    raise EngineNotInstalled(
        flavour=(flavours or [FLAVOURS[""]])[0],
        why_zh="safetensors 格式",
        why_en="its format is safetensors",
    )
