#!/usr/bin/env python3
"""One chat by LiteLLM's `completion` and by greenroute's `router.chat`, against the same fake server, in turns.

    python scripts/hosted/litellm_ratio.py [--rounds 5] [--calls 200]

Fetches LiteLLM from PyPI into target/litellm-venv, once. Prints the median of each, and the ratio of every round:
machines are noisy, ratios of turns beside each other less so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "target" / "litellm-venv"
# The newest whose dependencies can be had.
LITELLM = "litellm<=1.109.1"
QUESTION = "Why is the sky blue?"

CLIENT = """
import json, os, sys, time
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm
litellm.telemetry = False
url, key = sys.argv[1], sys.argv[2]
from importlib.metadata import version
print(json.dumps({"version": version("litellm")}), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        begun = time.perf_counter()
        answer = litellm.completion(model="openai/gpt-4.1-mini", api_base=url, api_key=key, num_retries=0,
                                    messages=[{"role": "user", "content": "%s"}])
        times.append((time.perf_counter() - begun) * 1e6)
        assert answer.choices[0].message.content
    print(json.dumps({"micros": times}), flush=True)
""" % QUESTION


def python() -> str:
    binary = VENV / "bin" / "python"
    mark = VENV / "installed"
    if not mark.exists() or mark.read_text() != LITELLM:
        venv.create(VENV, with_pip=True, clear=True)
        subprocess.run([str(binary), "-m", "pip", "install", "--quiet", LITELLM], check=True)
        mark.write_text(LITELLM)
    return str(binary)


def built(*what: str) -> str:
    """The path of a program of this workspace, compiled with optimisation."""
    command = ["cargo", "build", "--release", "--message-format", "json", *what]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines]
    return [message["executable"] for message in messages if message.get("executable")][-1]


class Client:
    """A process that makes as many calls as it is told to, and says how long each took."""

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told = self.read()

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended")
        return json.loads(line)

    def calls(self, count: int) -> float:
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return statistics.median(self.read()["micros"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    fake = built("--package", "greenroute-testkit", "--example", "fake_providers")
    bench = built("--package", "greenroute", "--bench", "hosted")
    server = subprocess.Popen([fake], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    told = json.loads(server.stdout.readline())
    url, key = told["urls"]["openai"], told["key"]
    try:
        litellm = Client([python(), "-c", CLIENT, url, key])
        greenroute = Client([bench, "--against", url, key])
        litellm.calls(20), greenroute.calls(20)
        theirs, ours = [], []
        for number in range(options.rounds):
            # Whoever begins changes from round to round.
            turns = [(litellm, theirs), (greenroute, ours)]
            for client, medians in turns if number % 2 == 0 else reversed(turns):
                medians.append(client.calls(options.calls))
        ratios = [a / b for a, b in zip(theirs, ours)]
        print(f"load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}")
        print(f"litellm {litellm.told['version']} completion p50 {statistics.median(theirs):8.0f} µs a call")
        print(f"greenroute router.chat    p50 {statistics.median(ours):8.0f} µs a call, receipt included")
        print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f} over {options.rounds} rounds)")
    finally:
        server.stdin.close()
        server.terminate()


if __name__ == "__main__":
    main()
