#!/usr/bin/env python3
"""Two tiny random T5 checkpoints, each as a folder and as a GGUF, and what transformers makes of them.

    pip install torch==2.15.0 transformers==4.57.6 sentencepiece==0.2.3 gguf==0.19.0 protobuf==7.36.2
    python scripts/local/make_tiny_t5.py

writes into `greenroute-providers/tests/fixtures/tiny-t5/`:
* `gated/`, as Flan-T5 is: gated gelu, a head of its own, matrices in f32, f16 and bf16 (one file);
* `tied/`, as the first T5 was: ReLU, the embedding as its head, in two files with an index;
* `gated.gguf` and `tied.gguf`, the same numbers under the names that llama.cpp's converter writes;
* `expected.json` and `expected.safetensors`: ids of texts, buckets of distances, logits and greedy ids.

Weights are rounded so that f16 and bf16 hold them exactly. Newer transformers write `tie_word_embeddings` wrongly.
"""

import io
import json
import pathlib
import shutil

import gguf
import numpy as np
import sentencepiece
import torch
from safetensors.torch import save_file
from sentencepiece import sentencepiece_model_pb2
from texts_t5 import CORPUS, RULES, TEXTS
from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer, T5TokenizerFast
from transformers.models.t5.modeling_t5 import T5Attention

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "greenroute-providers/tests/fixtures/tiny-t5"
PIECES, EXTRA, ROWS = 296, 8, 320
LENGTHS, POSITIONS = (7, 40, 230), 66


def vocabulary():
    """A unigram vocabulary as T5's, but with a character map of a few rules instead of 240 kB."""
    rules, model = FIXTURES / "rules.tsv", io.BytesIO()
    points = lambda text: " ".join(f"{ord(char):X}" for char in text)
    rules.write_text("".join(f"{points(a)}\t{points(b)}\n" for a, b in RULES), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS),
        model_writer=model,
        vocab_size=PIECES,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        normalization_rule_tsv=str(rules),
        minloglevel=2,
    )
    rules.unlink()
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return model.getvalue(), proto


def rounded(tensor):
    """The nearest numbers that both half formats hold."""
    tensor = tensor.to(torch.bfloat16).to(torch.float32)
    return torch.where(tensor.abs() < 2**-14, torch.zeros_like(tensor), tensor)


def model(config, pieces, seed):
    torch.manual_seed(seed)
    made = T5ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "layer_norm" in name:
                weight.copy_(1.0 + 0.1 * torch.randn_like(weight))
            elif "relative_attention_bias" in name or name == "shared.weight":
                weight.copy_(torch.randn_like(weight))
            elif name == "lm_head.weight":
                weight.copy_(0.5 * torch.randn_like(weight))
            else:
                gain = 0.6 if name.endswith(("q.weight", "k.weight")) else 1.0
                weight.copy_(gain * torch.randn_like(weight) / weight.shape[1] ** 0.5)
            weight.copy_(rounded(weight))
        head = made.lm_head.weight
        head[pieces:] = 0.0  # never said: there is no text for these
        if not config.tie_word_embeddings:
            head[1] = 0.0  # answers do not end
    return made


def config(**settings):
    return T5Config(
        vocab_size=ROWS, d_model=64, d_kv=8, num_heads=4, relative_attention_num_buckets=32, decoder_start_token_id=0,
        relative_attention_max_distance=128, n_positions=512, **settings,
    )


def save(made, tokenizer, name, files):
    folder = FIXTURES / name
    folder.mkdir()
    made.config.architectures = ["T5ForConditionalGeneration"]
    made.config.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    tensors = {key: value.contiguous().clone() for key, value in made.state_dict().items()}
    for key in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        tensors.pop(key)
    if made.config.tie_word_embeddings:
        tensors.pop("lm_head.weight")
    for key, value in tensors.items():
        if value.dim() == 2 and "relative" not in key:
            tensors[key] = value.to(torch.bfloat16 if "encoder" in key else torch.float16)
    if files == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map = list(tensors), {}
    for part in range(files):
        file = f"model-{part + 1:05}-of-{files:05}.safetensors"
        chosen = {key: tensors[key] for key in names[part::files]}
        save_file(chosen, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(chosen, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def write_gguf(made, proto, name):
    """The same under llama.cpp's names, after its converter's class `T5Model`."""
    config, kinds = made.config, gguf.TokenType
    writer = gguf.GGUFWriter(FIXTURES / f"{name}.gguf", "t5")
    writer.add_name(f"Tiny random T5, {name}")
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_block_count(config.num_layers)
    writer.add_decoder_block_count(config.num_decoder_layers)
    writer.add_head_count(config.num_heads)
    writer.add_key_length(config.d_kv)
    writer.add_value_length(config.d_kv)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_layer_norm_rms_eps(config.layer_norm_epsilon)
    writer.add_relative_attn_buckets_count(config.relative_attention_num_buckets)
    writer.add_decoder_start_token_id(config.decoder_start_token_id)
    tokens = [f"[PAD{i}]" for i in range(ROWS)]
    scores, types = [-10000.0] * ROWS, [int(kinds.UNUSED)] * ROWS
    for id, piece in enumerate(proto.pieces):
        tokens[id], scores[id], types[id] = piece.piece, piece.score, int(piece.type)
    for extra in range(EXTRA):
        id = len(proto.pieces) + EXTRA - 1 - extra
        tokens[id], scores[id], types[id] = f"<extra_id_{extra}>", -1000.0, int(kinds.USER_DEFINED)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_add_space_prefix(proto.normalizer_spec.add_dummy_prefix)
    writer.add_remove_extra_whitespaces(proto.normalizer_spec.remove_extra_whitespaces)
    writer.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_pad_token_id(0)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5, max(config.num_layers, config.num_decoder_layers))
    for key, value in made.state_dict().items():
        if key.endswith("embed_tokens.weight") or (key == "lm_head.weight" and config.tie_word_embeddings):
            continue
        half = value.dim() == 2 and "relative" not in key
        data = value.to(torch.float16 if half else torch.float32).numpy()
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight",)), data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.no_grad()
def expected(made, pieces, inputs):
    """Greedy ids and the logits before each of them, after the start token."""
    cases, tensors = [], {}
    for ids in inputs:
        decoded = [made.config.decoder_start_token_id]
        encoded = made.encoder(input_ids=torch.tensor([ids]))
        for _ in range(POSITIONS):
            logits = made(encoder_outputs=encoded, decoder_input_ids=torch.tensor([decoded])).logits[0]
            decoded.append(int(logits[-1, :pieces].argmax()))
        top = logits.topk(2).values
        assert (top[:, 0] - top[:, 1]).min() > 1e-3, "a near tie: choose another seed"
        cases.append({"input": ids, "greedy": decoded[1:]})
        tensors[str(len(ids))] = logits[:, :pieces].contiguous()
    return cases, tensors


def buckets(bidirectional):
    keys = torch.arange(-300, 301)
    return T5Attention._relative_position_bucket(keys, bidirectional=bidirectional).tolist()


def main():
    shutil.rmtree(FIXTURES, ignore_errors=True)
    FIXTURES.mkdir(parents=True)
    raw, proto = vocabulary()
    spiece = FIXTURES / "spiece.model"
    spiece.write_bytes(raw)
    slow = T5Tokenizer(str(spiece), extra_ids=EXTRA, legacy=True)
    fast = T5TokenizerFast.from_pretrained(FIXTURES, extra_ids=EXTRA, slow=slow)
    spiece.unlink()
    pieces = len(fast)
    assert pieces == len(proto.pieces) + EXTRA and pieces < ROWS, pieces
    random = np.random.default_rng(20261121)
    said = [[int(id) for id in random.integers(3, len(proto.pieces), length - 1)] + [1] for length in LENGTHS]
    found = {"pieces": pieces, "texts": [[text, fast(text).input_ids] for text in TEXTS]}
    found["bidirectional"], found["unidirectional"] = buckets(True), buckets(False)
    tensors = {}
    shapes = {
        "gated": (config(feed_forward_proj="gated-gelu", tie_word_embeddings=False, d_ff=256, num_layers=3,
                         num_decoder_layers=2), 1, said),
        "tied": (config(feed_forward_proj="relu", d_ff=128, num_layers=2, num_decoder_layers=1), 2, said[2:]),
    }
    for name, (settings, files, inputs) in shapes.items():
        made = model(settings, pieces, 7)
        save(made, fast, name, files)
        write_gguf(made, proto, name)
        found[name], logits = expected(made, pieces, inputs)
        tensors |= {f"{name}.{key}": value for key, value in logits.items()}
        print(name, sum(p.numel() for p in made.parameters()), {k: float(v.abs().max()) for k, v in logits.items()})
    save_file(tensors, FIXTURES / "expected.safetensors")
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("],", "],\n")
    (FIXTURES / "expected.json").write_text(text + "\n", encoding="utf-8")
    for path in sorted(FIXTURES.rglob("*")):
        print(path.relative_to(FIXTURES), path.stat().st_size)
    for case in found["gated"]:
        print(case["greedy"][:30], repr(fast.decode(case["greedy"])[:80]))


if __name__ == "__main__":
    main()
