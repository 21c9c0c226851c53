#!/usr/bin/env python3
"""Local models beside their peers: the same file, the same threads, in turns.

    pip install xllamacpp==2026.10.11549 ctranslate2==4.8.5 transformers==4.57.6 torch==2.15.0 numpy==2.4.6
    python scripts/local/compare.py --gemma gemma-3-270m-q4_k_m.gguf

prints, for each number of threads, medians over all rounds: tokens per second of prompt and answer, the time to load
and the most memory; and the quotient to the peer, taken between neighbours in time. Gemma 3 270M stands beside
llama.cpp. Flan-T5-base has the real model's shape and random weights, made here, beside CTranslate2 in int8 and
transformers in f32: speed does not depend on what the weights say.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = HERE / "peers.py"


def ours(example, path, threads, prompt, answer, precision):
    """This library, by its example."""
    command = [example, path, "--threads", threads, "--prompt", prompt, "--answer", answer, "--json"]
    return figures([*command, "--precision", precision])


def peer(name, path, threads, prompt, answer):
    return figures([sys.executable, PEERS, name, path, threads, prompt, answer])


def figures(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("FIGURES "):
            return json.loads(line.removeprefix("FIGURES "))
    sys.exit(f"{command} gave no figures:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def median(runs, key):
    return statistics.median(one[key] for run in runs for one in run["rounds"])


def row(name, runs, first):
    """A line of the table; the quotient is to the runs of `first`, neighbour by neighbour."""
    read, write = (median(runs, f"{what}_tokens_per_second") for what in ("prompt", "answer"))
    quotients = [
        median([one], "answer_tokens_per_second") / median([other], "answer_tokens_per_second")
        for one, other in zip(runs, first)
    ]
    load = statistics.median(run["load_seconds"] for run in runs)
    peak = max(run["peak_bytes"] for run in runs) / 1e6
    beside = "" if runs is first else f"{statistics.median(quotients):.2f} ({min(quotients):.2f}-{max(quotients):.2f})"
    return f"| {name} | {read:.0f} | {write:.1f} | {load:.2f} | {peak:.0f} | {beside} |"


def table(title, engines, rounds):
    """Runs all `engines` in turns, `rounds` times; the first is what the others are held against."""
    runs = {name: [] for name in engines}
    for _ in range(rounds):
        for name, run in engines.items():
            runs[name].append(run())
    first = next(iter(runs.values()))
    print(f"\n{title}; load {os.getloadavg()[0]:.1f}\n")
    print("| engine | prompt tokens/s | answer tokens/s | load s | most MB | answer, to the first |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, of in runs.items():
        print(row(name, of, first))
    return runs


def together(example, path, precision, threads):
    """What eight requests at once write per second, to what one does."""
    command = [example, path, "--threads", threads, "--together", 8, "--json", "--precision", precision]
    found = figures(command)["together"]
    one, all_of_them = found["one_tokens_per_second"], found["all_tokens_per_second"]
    print(f"\neight at once: {all_of_them:.1f} tokens/s, one alone {one:.1f}: {all_of_them / one:.2f} times")


def random_t5(folder):
    """Flan-T5-base's shape with random weights, for us and transformers; and for CTranslate2."""
    import torch
    import transformers
    from ctranslate2.converters import TransformersConverter
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=32128,
        d_model=768,
        d_kv=64,
        d_ff=2048,
        num_layers=12,
        num_decoder_layers=12,
        num_heads=12,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(f"\u2581w{at}", -float(at)) for at in range(31997)]
    tokenizer = Tokenizer(models.Unigram(words, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    converted = folder / "ctranslate2"
    TransformersConverter(str(folder)).convert(str(converted), quantization="int8", force=True)
    return converted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gemma", type=pathlib.Path, help="the GGUF file of Gemma 3 270M")
    parser.add_argument("--t5", action="store_true", help="Flan-T5-base's shape too")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    build = ["cargo", "build", "--release", "-p", "greenroute-providers", "--features", "local"]
    subprocess.run([*build, "--example", "local_speed"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    example = target / "release/examples/local_speed"
    if arguments.gemma:
        for threads in arguments.threads:
            engines = {
                "llama.cpp": lambda threads=threads: peer("llama", arguments.gemma, threads, 472, 64),
                "greenroute": lambda threads=threads: ours(example, arguments.gemma, threads, 472, 64, "stored"),
            }
            table(f"Gemma 3 270M as stored, {threads} threads, 472 + 64 tokens", engines, arguments.rounds)
            together(example, arguments.gemma, "stored", threads)
    if arguments.t5:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            converted = random_t5(folder)
            for threads in arguments.threads:
                engines = {
                    "CTranslate2 int8": lambda threads=threads: peer("ctranslate2", converted, threads, 128, 64),
                    "transformers f32": lambda threads=threads: peer("transformers", folder, threads, 128, 64),
                    "greenroute f32": lambda threads=threads: ours(example, folder, threads, 128, 64, "floats"),
                    "greenroute Q8_0": lambda threads=threads: ours(example, folder, threads, 128, 64, "eight"),
                    "greenroute Q4_K": lambda threads=threads: ours(example, folder, threads, 128, 64, "four"),
                }
                table(f"Flan-T5-base's shape, {threads} threads, 128 + 64 tokens", engines, arguments.rounds)
                together(example, folder, "eight", threads)


if __name__ == "__main__":
    main()
