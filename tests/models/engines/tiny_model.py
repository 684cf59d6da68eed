"""A random Llama of a few kilobytes with a byte tokenizer, written with the gguf package."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, LAYERS, FEED, CONTEXT = 32, 2, 2, 64, 4096


def _byte_tokens() -> list[str]:
    # The printable stand-ins of GPT-2 for the 256 bytes.
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shown = {byte: chr(byte) for byte in keep}
    spare = 256
    for byte in range(256):
        if byte not in shown:
            shown[byte] = chr(spare)
            spare += 1
    return [shown[byte] for byte in range(256)]


def write_tiny_model(path: Path, *, seed: int = 7) -> Path:
    """Writes the model; every weight is drawn from a seeded normal distribution."""
    rng = np.random.default_rng(seed)
    tokens = [*_byte_tokens(), "<|end|>", "ab", "cd"]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 256 + [3, 1, 1])
    writer.add_token_merges(["a b", "c d"])
    writer.add_eos_token_id(256)
    writer.add_add_bos_token(False)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, (rng.standard_normal(shape) * 0.1).astype(np.float32))

    add("token_embd.weight", len(tokens), WIDTH)
    for layer in range(LAYERS):
        add(f"blk.{layer}.attn_norm.weight", WIDTH)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{part}.weight", WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_norm.weight", WIDTH)
        add(f"blk.{layer}.ffn_gate.weight", FEED, WIDTH)
        add(f"blk.{layer}.ffn_up.weight", FEED, WIDTH)
        add(f"blk.{layer}.ffn_down.weight", WIDTH, FEED)
    add("output_norm.weight", WIDTH)
    add("output.weight", len(tokens), WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
