"""Holds the fake providers of greenroute-testkit against the vendors' own Python SDKs.

    python3 scripts/testkit/sdk_check.py [SDK ...]

What an SDK cannot read is wrong in the fake. It makes a virtual environment with the SDKs once (under target/), starts
the example `fake_providers`, lets every SDK chat, stream, call tools, ask for JSON, embed, list, count and be refused,
prints a table, and ends with status 1 if anything failed.
"""

import argparse
import json
import os
import subprocess
import sys
import traceback
import venv
from pathlib import Path

from sdk_anthropic import Anthropic
from sdk_gemini import Gemini
from sdk_ollama import Ollama
from sdk_openai import Groq, LlamaCpp, OpenAi

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SDKS = ["anthropic==2.11.0", "google-genai==3.4.0", "groq==1.7.0", "ollama==0.6.3", "openai==3.52.0"]


def environment():
    """The interpreter that has the SDKs."""
    home = TARGET / "sdk-check"
    python = home / "bin" / "python"
    wanted = "\n".join(SDKS)
    mark = home / "installed"
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *SDKS], check=True)
        mark.write_text(wanted)
    return python


class Fakes:
    """The server as a process; it ends when its standard input does."""

    def __enter__(self):
        build = ["cargo", "build", "--quiet", "-p", "greenroute-testkit", "--example", "fake_providers"]
        subprocess.run(build, check=True, cwd=ROOT)
        program = TARGET / "debug" / "examples" / "fake_providers"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        self.key, self.urls = told["key"], told["urls"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=10)


VENDORS = [Anthropic, Gemini, Groq, LlamaCpp, Ollama, OpenAi]
CHECKS = [
    "chat", "old_version", "stream", "tools", "streamed_tools", "thinking", "structured", "parsed", "embeddings", "models",
    "count", "batches", "timings", "limit", "wrong_key", "unknown_model", "unknown_field", "rate_limit", "overloaded", "error_midway",
    "harmless",
]  # fmt: skip


def run(names, verbose):
    table, failed = {}, []
    with Fakes() as fakes:
        for vendor in VENDORS:
            if names and vendor.vendor not in names:
                continue
            column = table[vendor.vendor] = {}
            if vendor.vendor not in fakes.urls:
                failed.append((vendor.vendor, "it is not played"))
                column.update((check, "absent") for check in CHECKS if getattr(vendor, check, None))
                continue
            subject = vendor(fakes.urls[vendor.vendor], fakes.key)
            for check in CHECKS:
                checked = getattr(subject, check, None)
                if checked is None:
                    continue
                try:
                    checked()
                    column[check] = "passed"
                except Exception as error:  # Whatever an SDK throws is a finding.
                    column[check] = "FAILED"
                    told = "".join(traceback.format_exception(error)) if verbose else f"{type(error).__name__}: {error}"
                    failed.append((f"{vendor.vendor} {check}", told))
    print(f"{'':16}" + "".join(f"{vendor:>11}" for vendor in table))
    for check in CHECKS:
        print(f"{check:16}" + "".join(f"{column.get(check, '-'):>11}" for column in table.values()))
    for subject, told in failed:
        print(f"\n{subject}: {told}"[:4000])
    passed = sum(state == "passed" for column in table.values() for state in column.values())
    print(f"\n{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendors", nargs="*", help="only these")
    parser.add_argument("--verbose", action="store_true", help="show where a check failed")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not asked.inside:
        command = [environment(), __file__, "--inside", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command).returncode)
    raise SystemExit(run(asked.vendors, asked.verbose))


if __name__ == "__main__":
    main()
