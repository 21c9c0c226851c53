#!/usr/bin/env python3
"""Two tiny random Gemma 3 files, and what llama.cpp and a plain numpy forward pass make of them.

    pip install numpy==2.4.6 gguf==0.19.0 xllamacpp==2026.10.11549
    python scripts/local/make_tiny_gemma.py

writes into `greenroute-providers/tests/fixtures/`:
* `tiny-gemma3.gguf`, all weights f32, so that answers can be compared closely;
* `tiny-gemma3-quantised.gguf`, the same weights in the formats that a loader has to treat one by one;
* `tiny-gemma3.json`, for each greedy ids and log-probabilities by llama.cpp, and logits by numpy in f64.

Seven layers hold local and global ones; the window of 16 matters within the 60 tokens that are read.
"""

import importlib.metadata
import json
import pathlib

import gguf
import numpy as np
from llama_reference import greedy, serve, tokenize

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parents[1] / "greenroute-providers/tests/fixtures"
WIDTH, LAYERS, FEED_FORWARD, HEADS, KV_HEADS, HEAD_DIM = 32, 7, 32, 4, 2, 8
WINDOW, PERIOD, CONTEXT, EPSILON = 16, 6, 256, 1e-6
LOCAL_BASE, GLOBAL_BASE = 10_000.0, 1_000_000.0
SPACE = "\u2581"
TEXT = "the cat sat on the mat and the dog ran to the cat. a dog is not a cat, and that is that: ünï 🙂!\n\n  the end"
STEPS = 24
Q = gguf.GGMLQuantizationType


def vocabulary():
    """Tokens, scores and types: controls, literals, bytes, then words that merging can reach, best first."""
    kinds = gguf.TokenType
    entries = [("<pad>", kinds.CONTROL), ("<eos>", kinds.CONTROL), ("<bos>", kinds.CONTROL), ("<unk>", kinds.UNKNOWN)]
    entries += [("<start_of_turn>", kinds.CONTROL), ("<end_of_turn>", kinds.CONTROL)]
    entries += [(text, kinds.USER_DEFINED) for text in ("\n", "\n\n", "  ", "   ")]
    entries += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens, types = [text for text, _ in entries], [int(kind) for _, kind in entries]
    scores = [-1000.0] * len(tokens)
    words = ["th", "at", "an", f"{SPACE}th", f"{SPACE}a", f"{SPACE}the", "the", "nd", f"{SPACE}c", f"{SPACE}cat"]
    words += [f"{SPACE}d", "og", f"{SPACE}dog", "is", f"{SPACE}is", "on", f"{SPACE}on", f"{SPACE}and", "ï"]
    letters = [SPACE, *"abcdefghijklmnopqrstuvwxyz", *"TQA.,:?!'"]
    for rank, text in enumerate([*words, *letters]):
        tokens.append(text)
        types.append(int(kinds.NORMAL))
        scores.append(-float(rank))
    return tokens, scores, types


def weights(types):
    """Random weights with the sizes at which attention and the answer depend on the whole prompt."""
    vocabulary_size = len(types)
    random = np.random.default_rng(20261121)

    def matrix(rows, columns, gain=1.0):
        return (random.standard_normal((rows, columns)) * gain / np.sqrt(columns)).astype(np.float32)

    def norm(size, around):
        return (around + 0.1 * random.standard_normal(size)).astype(np.float32)

    found = {"token_embd": matrix(vocabulary_size, WIDTH), "output_norm": norm(WIDTH, 2.0)}
    # Words are said, and line ends; bytes and controls are only read, so that answers are text and do not end.
    spoken = np.isin(types, [int(gguf.TokenType.NORMAL), int(gguf.TokenType.USER_DEFINED)])
    found["token_embd"][~spoken] *= 0.02
    for layer in range(LAYERS):
        part = f"blk.{layer}."
        found[part + "attn_q"] = matrix(HEADS * HEAD_DIM, WIDTH)
        found[part + "attn_k"] = matrix(KV_HEADS * HEAD_DIM, WIDTH)
        found[part + "attn_v"] = matrix(KV_HEADS * HEAD_DIM, WIDTH)
        found[part + "attn_output"] = matrix(WIDTH, HEADS * HEAD_DIM)
        found[part + "ffn_gate"] = matrix(FEED_FORWARD, WIDTH)
        found[part + "ffn_up"] = matrix(FEED_FORWARD, WIDTH)
        found[part + "ffn_down"] = matrix(WIDTH, FEED_FORWARD)
        for name, size, around in (
            ("attn_norm", WIDTH, 1.0),
            ("attn_q_norm", HEAD_DIM, 1.5),
            ("attn_k_norm", HEAD_DIM, 1.5),
            ("post_attention_norm", WIDTH, 2.0),
            ("ffn_norm", WIDTH, 1.0),
            ("post_ffw_norm", WIDTH, 2.0),
        ):
            found[part + name] = norm(size, around)
    return found


FORMATS = {
    "token_embd": Q.Q8_0,
    "attn_q": Q.Q5_0,
    "attn_k": Q.Q5_1,
    "attn_v": Q.F16,
    "attn_output": Q.Q8_0,
    "ffn_gate": Q.Q4_0,
    "ffn_up": Q.Q5_0,
    "ffn_down": Q.BF16,
}


def write(path, words, found, formats):
    """One GGUF file; gives the weights as its formats hold them."""
    tokens, scores, types = words
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_name("Tiny random Gemma 3")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(GLOBAL_BASE)
    writer.add_sliding_window(WINDOW)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    held = {}
    for name, tensor in found.items():
        kind = formats.get(name.rsplit(".", 1)[-1], Q.F32)
        data = gguf.quants.quantize(tensor, kind)
        held[name] = gguf.quants.dequantize(data, kind).reshape(tensor.shape)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def forward(found, ids):
    """Logits of every position, in f64 and with nothing cached: the definition, as plainly as it can be written."""
    w = {name: tensor.astype(np.float64) for name, tensor in found.items()}
    count = len(ids)
    x = w["token_embd"][ids] * np.sqrt(WIDTH)
    distance = np.arange(count)[:, None] - np.arange(count)[None, :]

    def norm(x, weight):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight

    def rotate(x, base):
        angles = np.arange(count)[:, None] * base ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        left, right = np.split(x, 2, -1)
        return np.concatenate([left * cos - right * sin, right * cos + left * sin], -1)

    for layer in range(LAYERS):

        def part(name, layer=layer):
            return w[f"blk.{layer}.{name}"]

        is_global = layer % PERIOD == PERIOD - 1
        base = GLOBAL_BASE if is_global else LOCAL_BASE
        seen = (distance >= 0) & (is_global | (distance < WINDOW))
        h = norm(x, part("attn_norm"))
        q = rotate(norm((h @ part("attn_q").T).reshape(count, HEADS, HEAD_DIM), part("attn_q_norm")), base)
        k = rotate(norm((h @ part("attn_k").T).reshape(count, KV_HEADS, HEAD_DIM), part("attn_k_norm")), base)
        v = (h @ part("attn_v").T).reshape(count, KV_HEADS, HEAD_DIM)
        mixed = []
        for head in range(HEADS):
            shared = head // (HEADS // KV_HEADS)
            scores = np.where(seen, q[:, head] @ k[:, shared].T / np.sqrt(HEAD_DIM), -np.inf)
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ v[:, shared])
        x = x + norm(np.concatenate(mixed, -1) @ part("attn_output").T, part("post_attention_norm"))
        h = norm(x, part("ffn_norm"))
        gate = h @ part("ffn_gate").T
        gelu = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        x = x + norm((gelu * (h @ part("ffn_up").T)) @ part("ffn_down").T, part("post_ffw_norm"))
    return norm(x, w["output_norm"]) @ w["token_embd"].T


def probabilities(server, read, size):
    """All log-probabilities after `read`, or nothing where llama.cpp withholds them: after half a character."""
    _, steps = greedy(server, read, 1, size)
    if not steps:
        return None
    row = [0.0] * size
    for token, logprob in steps[0]:
        row[token] = round(logprob, 4)
    return row


def main():
    """Writes the three files."""
    words = vocabulary()
    size = len(words[0])
    found = weights(words[2])
    plain, quantised = FIXTURES / "tiny-gemma3.gguf", FIXTURES / "tiny-gemma3-quantised.gguf"
    held = {"plain": write(plain, words, found, {}), "quantised": write(quantised, words, found, FORMATS)}
    fixture = {"made_by": "scripts/local/make_tiny_gemma.py", "xllamacpp": importlib.metadata.version("xllamacpp")}
    for name, path in (("plain", plain), ("quantised", quantised)):
        server = serve(path)
        ids = tokenize(server, TEXT)
        tokens, _ = greedy(server, ids, STEPS, size)
        rows = [probabilities(server, ids + tokens[:step], size) for step in range(STEPS)]
        logits = forward(held[name], ids + tokens)
        last = [round(logit, 6) for logit in logits[-1].tolist()]
        fixture[name] = {"ids": tokens, "log_probabilities": rows, "last_logits": last}
        fixture["text"], fixture["prompt_ids"] = TEXT, ids
        same = (logits[len(ids) - 1 : -1].argmax(-1) == tokens).sum()
        assert same == STEPS or (name == "quantised" and same >= STEPS - 4), (name, same)
    lines = json.dumps(fixture, ensure_ascii=False, separators=(",", ":")).replace("],", "],\n")
    (FIXTURES / "tiny-gemma3.json").write_text(lines + "\n", encoding="utf-8")
    print(size, "tokens;", len(fixture["prompt_ids"]), "read;", fixture["plain"]["ids"], fixture["quantised"]["ids"])
    for path in (plain, quantised, FIXTURES / "tiny-gemma3.json"):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
