"""A GGUF model comes back as the base it was: same tokens, same weights; what cannot is refused."""

import gguf
import numpy as np
import pytest
import torch

from models.errors import ModelsError
from models.training import model as decoders
from models.training import tokenizer as cutting
from models.training.corpus import exchange
from models.training.errors import BaseUnusable
from models.training.export import write_gguf
from models.training.gguf_base import open_gguf
from tests.models.training.conftest import questions
from tests.models.training.test_adapter_export import make
from tests.models.training.test_export import SHAPES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=SHAPES)
def made(request, tokenizer, tmp_path_factory):
    return make(request.param, tokenizer, tmp_path_factory.mktemp(request.param))


def test_it_comes_back_as_it_was(made, tokenizer, tmp_path):
    folder = open_gguf(made / "base.gguf", tmp_path / "back")
    before, after = decoders.load(made / "base"), decoders.load(folder)
    weights = after.state_dict()
    assert set(weights) == set(before.state_dict())
    assert all(torch.equal(weights[name], one) for name, one in before.state_dict().items())
    cutter = cutting.load(folder)
    assert cutting.end_and_padding(cutter) == cutting.end_and_padding(tokenizer)
    for text in [exchange(asked, told).prompt + told for asked, told in questions(3, 20)]:
        assert cutter.encode(text).ids == tokenizer.encode(text).ids
    ids = torch.tensor([tokenizer.encode(text).ids])
    with torch.inference_mode():
        assert torch.equal(before(input_ids=ids).logits, after(input_ids=ids).logits)
    # And forth again: the file is the same to the byte.
    again = write_gguf(folder, tmp_path / "again.gguf", name="base", file_type="F32")
    assert again.read_bytes() == (made / "base.gguf").read_bytes()


def test_quantised_weights_are_those_of_the_file(made, tmp_path):
    path = write_gguf(made / "base", tmp_path / "q.gguf", name="q", file_type="Q8_0")
    weights = decoders.load(open_gguf(path, tmp_path / "back")).state_dict()
    stored = {one.name: one for one in gguf.GGUFReader(path).tensors}["blk.0.ffn_up.weight"]
    wanted = gguf.quants.dequantize(stored.data, stored.tensor_type)
    assert np.array_equal(weights["model.layers.0.mlp.up_proj.weight"].numpy(), wanted)


def test_a_finished_folder_is_not_made_again(made, tmp_path):
    folder = open_gguf(made / "base.gguf", tmp_path / "back")
    before = (folder / "model.safetensors").stat().st_mtime_ns
    open_gguf(made / "base.gguf", folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_what_cannot_come_back_is_refused(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "gemma")
    writer.add_tensor("token_embd.weight", np.zeros((32, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BaseUnusable):
        open_gguf(tmp_path / "x.gguf", tmp_path / "back")
    (tmp_path / "y.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelsError):
        open_gguf(tmp_path / "y.gguf", tmp_path / "back")
    assert not (tmp_path / "back/model.safetensors").exists()
