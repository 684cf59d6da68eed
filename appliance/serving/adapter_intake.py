"""Takes an adapter's files into the vault: judged, copied, and judged again where they lie."""

from pathlib import Path
from typing import Final

from appliance.serving.adapter_file import read_adapter
from appliance.serving.adapter_folder import (
    CONFIG,
    WEIGHTS,
    digest_of_adapter,
    read_adapter_folder,
)
from appliance.serving.errors import AdapterRefused
from models.registry.intake import copy_in
from models.registry.manifest import ManifestFile

FILE: Final = "adapter.gguf"


def take_file(adapter: str, source: Path, target: Path, base: Path) -> ManifestFile:
    """Take a GGUF adapter in for a GGUF base.

    Args:
        adapter: What it will be called.
        source: Its file.
        target: Its directory in the vault; made.
        base: The GGUF file of its base.

    Returns:
        Size and digest of what was taken.

    Raises:
        AdapterRefused: It is no LoRA of this base.
        ModelsError: It is no sound GGUF file.
    """
    if source.is_dir():
        raise AdapterRefused(
            adapter=adapter,
            reason_zh="基础模型是 GGUF,适配器须为 GGUF 文件",
            reason_en="its base is a GGUF model, which takes a GGUF file",
        )
    read_adapter(adapter, source, base)
    target.mkdir(mode=0o700, parents=True)
    row = copy_in(source, target / FILE, FILE)
    # The copy is judged again: the source may have been swapped after the first look.
    read_adapter(adapter, target / FILE, base)
    return row


def take_folder(adapter: str, source: Path, target: Path, base: Path) -> ManifestFile:
    """Take a peft folder in for a safetensors base; arguments and errors as of `take_file`."""
    if not source.is_dir():
        raise AdapterRefused(
            adapter=adapter,
            reason_zh="基础模型是 safetensors,适配器须为 peft 文件夹",
            reason_en="its base is a safetensors model, which takes a folder as peft saves it",
        )
    config = read_adapter_folder(adapter, source, base)
    target.mkdir(mode=0o700, parents=True)
    row = copy_in(source / WEIGHTS, target / WEIGHTS, WEIGHTS)
    (target / CONFIG).write_bytes(config)
    read_adapter_folder(adapter, target, base)
    return ManifestFile(adapter, row.size + len(config), digest_of_adapter(target))
