#!/usr/bin/env python3
"""Greedy continuations and token ids from llama.cpp, for `tests/gemma_parity.rs` to be held against.

    pip install numpy==2.4.6 gguf==0.19.0 xllamacpp==2026.10.11549
    python scripts/local/llama_reference.py gemma-3-270m-q4_k_m.gguf

writes `greenroute-providers/tests/fixtures/gemma3_270m_llama_cpp.json`: five prompts with their ids; for each, 48
greedy tokens with the five best log-probabilities of every step, once from the file as it is and once from the
same weights in f32, where no input of a product is rounded; and the ids of some hundred awkward texts.
The KV cache is f32 and flash attention is off, so that what differs is the arithmetic of the layers alone.
"""

import argparse
import hashlib
import importlib.metadata
import json
import pathlib
import tempfile
import urllib.request

from texts import TEXTS

TOKENS = 48
HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parents[1] / "greenroute-providers/tests/fixtures/gemma3_270m_llama_cpp.json"

ARTICLE = (
    "The history of the lighthouse begins long before electricity. In the ancient world, sailors looked for fires "
    "that were lit on hills and towers near the entrance of a harbour. The most famous of these towers stood on the "
    "island of Pharos, near Alexandria, and was counted among the seven wonders of the world. It was built of stone, "
    "and its fire could be seen from a great distance. When the Roman empire grew, its engineers built towers along "
    "the coasts of Spain, France and Britain, and some of them are still standing today. In the middle ages most of "
    "the lights went out, because nobody paid for the fuel, and monks who lived near the sea took over the work of "
    "warning the ships. Trade returned slowly, and with it the need for lights. The Hanseatic towns burned coal on "
    "iron grates, and the price of the coal was taken from every ship that came into port. In the eighteenth century "
    "oil lamps with mirrors replaced the open fires, and in 1822 the French engineer Augustin Fresnel put a lens of "
    "many rings in front of the lamp, which sent almost all of its light to the horizon. His invention was so good "
    "that every country with a coast bought it within a few decades. Later came gas, then electric arcs, and at last "
    "the bulb. A keeper had to wind the clockwork, clean the glass, trim the wick and write the weather into a book, "
    "every night of the year. Storms could cut a station off for weeks, and the families of the keepers learned to "
    "live on what the garden and the sea gave them. Today nearly all lights are automatic, and satellites tell each "
    "ship where it is. Yet the towers remain, as museums, as homes, and as marks that need no battery.\n\n"
    "Question: Who invented the lens that sent the light to the horizon?\nAnswer:"
)

PROMPTS = {
    "question": "Question: What is the capital of France?\nAnswer:",
    "story": "Once upon a time, in a small village by the sea, there lived an old fisherman who",
    "code": 'def fibonacci(n):\n    """Return the n-th Fibonacci number."""\n',
    "list": "Here is a list of ten European countries and their capitals:\n1. Germany: Berlin\n2. Spain:",
    "article": ARTICLE,
}


def serve(path):
    """A llama.cpp server in this process."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 1024
    params.cpuparams.n_threads = 2
    params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
    params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(params)


def post(server, path, body):
    """What the server answers to a JSON body."""
    request = urllib.request.Request(
        server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def tokenize(server, text, special=True):
    """Ids of a text in which no control token is looked for."""
    body = {"content": text, "add_special": special, "parse_special": False}
    return post(server, "/tokenize", body)["tokens"]


def greedy(server, ids, tokens, best):
    """Greedy ids, and per step the `best` pairs of id and log-probability."""
    body = {
        "prompt": ids,
        "n_predict": tokens,
        "temperature": 0.0,
        "repeat_penalty": 1.0,
        "n_probs": best,
        "return_tokens": True,
        "cache_prompt": False,
    }
    answer = post(server, "/completion", body)
    steps = [
        [[one["id"], round(one["logprob"], 6)] for one in step["top_logprobs"]]
        for step in answer.get("completion_probabilities", [])
    ]
    return answer["tokens"], steps


def in_floats(path, out):
    """The same model with every weight in f32."""
    import gguf

    reader, writer = gguf.GGUFReader(path), gguf.GGUFWriter(out, "gemma3")
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        sub_type = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_type=sub_type)
    for tensor in reader.tensors:
        shape = [int(size) for size in reversed(tensor.shape)]
        floats = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, floats.astype("float32").reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def answers(server):
    """What the server makes of every prompt."""
    found = []
    for name, prompt in PROMPTS.items():
        tokens, steps = greedy(server, tokenize(server, prompt), TOKENS, 5)
        # llama.cpp gives none for a token that ends within a character.
        assert len(steps) == len(tokens) == TOKENS, name
        found.append({"ids": tokens, "top": steps})
    return found


def sha256(path):
    """The digest of a file."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def main():
    """Writes the fixture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=pathlib.Path)
    gguf = parser.parse_args().gguf
    server = serve(gguf)
    stored = answers(server)
    prompts = [(name, prompt, tokenize(server, prompt)) for name, prompt in PROMPTS.items()]
    texts = [[text, tokenize(server, text, special=False)] for text in TEXTS]
    del server
    with tempfile.TemporaryDirectory() as folder:
        floats = pathlib.Path(folder) / "floats.gguf"
        in_floats(gguf, floats)
        exact = answers(serve(floats))
    runs = [
        {"name": name, "prompt": prompt, "prompt_ids": ids, "stored": stored[index], "floats": exact[index]}
        for index, (name, prompt, ids) in enumerate(prompts)
    ]
    fixture = {
        "made_by": "scripts/local/llama_reference.py",
        "xllamacpp": importlib.metadata.version("xllamacpp"),
        "gguf": gguf.name,
        "gguf_sha256": sha256(gguf),
        "runs": runs,
        "texts": texts,
    }
    lines = json.dumps(fixture, ensure_ascii=False, separators=(",", ":"))
    OUT.write_text(lines.replace('{"name"', '\n{"name"').replace('"texts":', '\n"texts":') + "\n", encoding="utf-8")
    print(f"{OUT.relative_to(HERE.parents[1])}: {len(runs)} runs, {len(texts)} texts")


if __name__ == "__main__":
    main()
