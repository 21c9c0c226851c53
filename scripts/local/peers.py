#!/usr/bin/env python3
"""How fast a peer reads and writes; called by `compare.py`, one process per measurement, JSON on standard output.

    python scripts/local/peers.py llama FILE.gguf THREADS PROMPT ANSWER
    python scripts/local/peers.py ctranslate2 FOLDER THREADS PROMPT ANSWER
    python scripts/local/peers.py transformers FOLDER THREADS PROMPT ANSWER

Every engine answers the same number of tokens to a prompt of the same length, greedily, after one warm-up.
"""

import json
import pathlib
import sys
import time
import urllib.request

ROUNDS = 3


def peak_bytes():
    """Since this program began; `getrusage` would tell that of the process which started it too."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def llama(path, threads, prompt, answer):
    import xllamacpp

    started = time.perf_counter()
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    load = time.perf_counter() - started

    def once(predict):
        body = {
            # Below 1000 Gemma's vocabulary holds bytes and controls; these are words.
            "prompt": [2] + [5000 + 37 * at % 20000 for at in range(prompt - 1)],
            "n_predict": predict,
            "temperature": 0.0,
            "cache_prompt": False,
            "ignore_eos": True,
        }
        request = urllib.request.Request(
            server.listening_address + "/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)["timings"]

    once(4)
    rounds = [once(answer) for _ in range(ROUNDS)]
    return load, [(one["prompt_per_second"], one["predicted_per_second"]) for one in rounds]


def ctranslate2(path, threads, prompt, answer):
    import ctranslate2 as engine

    started = time.perf_counter()
    translator = engine.Translator(path, device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads)
    load = time.perf_counter() - started
    vocabulary = json.loads((pathlib.Path(path) / "shared_vocabulary.json").read_text())
    tokens = [vocabulary[100 + 37 * at % 20000] for at in range(prompt - 1)] + ["</s>"]

    def once(length):
        started = time.perf_counter()
        translator.translate_batch(
            [tokens], beam_size=1, max_decoding_length=length, min_decoding_length=length, return_end_token=True
        )
        return time.perf_counter() - started

    once(4)
    return load, [speeds(once(1), once(answer), prompt, answer) for _ in range(ROUNDS)]


def transformers(path, threads, prompt, answer):
    import torch
    from transformers import T5ForConditionalGeneration

    torch.set_num_threads(threads)
    started = time.perf_counter()
    model = T5ForConditionalGeneration.from_pretrained(path).eval()
    load = time.perf_counter() - started
    ids = torch.tensor([[100 + 37 * at % 20000 for at in range(prompt - 1)] + [1]])

    def once(length):
        started = time.perf_counter()
        with torch.no_grad():
            model.generate(ids, do_sample=False, num_beams=1, min_new_tokens=length, max_new_tokens=length)
        return time.perf_counter() - started

    once(4)
    return load, [speeds(once(1), once(answer), prompt, answer) for _ in range(ROUNDS)]


def speeds(first, all_of_them, prompt, answer):
    """Reading the prompt is what the first token takes; writing is what the others take."""
    return prompt / first, (answer - 1) / (all_of_them - first)


def main():
    engine, path, threads, prompt, answer = sys.argv[1:]
    engines = {"llama": llama, "ctranslate2": ctranslate2, "transformers": transformers}
    load, rounds = engines[engine](path, int(threads), int(prompt), int(answer))
    figures = {
        "load_seconds": load,
        "peak_bytes": peak_bytes(),
        "rounds": [{"prompt_tokens_per_second": read, "answer_tokens_per_second": write} for read, write in rounds],
    }
    print("FIGURES " + json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
