#!/usr/bin/env python3
"""Writes greenroute-providers/data/prices from the PyPI package genai-prices.

Run from anywhere; needs only Python 3.11 with pip:

    python3 scripts/catalog/prices.py            # the newest version of genai-prices, as of today
    python3 scripts/catalog/prices.py --check    # that the files are what the recorded wheel gives

Every card of a hosted vendor in data/models gets a price, or a line under `unpriced` that says why not. The package is
read and never run. Which wheel it was, with its SHA-256, stands in data/prices/SOURCE.toml: same wheel, same files.
"""

import argparse
import ast
import datetime
import decimal
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile

PACKAGE = "genai-prices"
DATA = pathlib.Path(__file__).resolve().parents[2] / "greenroute-providers" / "data"
PRICES = DATA / "prices"
SOURCE = PRICES / "SOURCE.toml"
# Our names of vendors, and the package's.
VENDORS = {
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "together": "together",
}
# The package's names of prices, and ours, in the order of our files.
FIELDS = {
    "input_mtok": "input_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
    "cache_read_mtok": "cache_read_usd_per_mtok",
    "cache_write_mtok": "cache_write_5m_usd_per_mtok",
    "cache_write_1h_mtok": "cache_write_1h_usd_per_mtok",
}


class Unpriced(Exception):
    """Why a model gets no price."""


def fetch(version, folder):
    """The wheel as a path: of `version`, or the newest."""
    wanted = f"{PACKAGE}=={version}" if version else PACKAGE
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, wanted]
    subprocess.run(command, check=True)
    return next(pathlib.Path(folder).glob("genai_prices-*.whl"))


def plain(node):
    """A literal of the package's data module as dicts and lists; a call becomes a dict with its class under `class`."""
    match node:
        case ast.Call(func=ast.Name(id="Decimal"), args=[number]):
            return decimal.Decimal(plain(number))
        case ast.Call(func=function, args=args, keywords=keywords):
            held = {keyword.arg: plain(keyword.value) for keyword in keywords}
            name = function.id if isinstance(function, ast.Name) else function.attr
            return {"class": name, "args": [plain(argument) for argument in args], **held}
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [plain(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {plain(key): plain(value) for key, value in zip(keys, values)}
        case ast.Attribute():
            return ast.unparse(node)
    return ast.literal_eval(node)


def vendors(wheel):
    """The package's vendors by id."""
    text = zipfile.ZipFile(wheel).read("genai_prices/data.py").decode()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.AnnAssign) and statement.target.id == "providers":
            return {vendor["id"]: vendor for vendor in plain(statement.value)}
    sys.exit(f"{wheel.name} has no list of providers: its format has changed")


def matches(clause, model):
    match clause["class"]:
        case "ClauseEquals":
            return model == clause["equals"]
        case "ClauseStartsWith":
            return model.startswith(clause["starts_with"])
        case "ClauseEndsWith":
            return model.endswith(clause["ends_with"])
        case "ClauseContains":
            return clause["contains"] in model
        case "ClauseRegex":
            return re.search(clause["regex"], model) is not None
        case "ClauseOr":
            return any(matches(part, model) for part in clause["or_"])
        case "ClauseAnd":
            return all(matches(part, model) for part in clause["and_"])
    sys.exit(f"unknown clause {clause['class']}: the package's format has changed")


def entry(vendor, model):
    """The package's entry of a model: by its id, else by its rule of names."""
    by_id = [known for known in vendor["models"] if known["id"] == model]
    by_rule = [known for known in vendor["models"] if matches(known["match"], model.lower())]
    for known in by_id + by_rule:
        return known
    raise Unpriced("the source does not know it")


def tiers(prices, embeds):
    """The tiers of one period: each price by the length of the input, the same bounds for all of them."""
    held = {}
    for name in FIELDS:
        price = prices.get(name)
        if isinstance(price, dict):
            steps = {0: price["base"]} | {tier["start"]: tier["price"] for tier in price["tiers"]}
        elif price is not None:
            steps = {0: price}
        else:
            continue
        held[name] = steps
    if embeds and "output_mtok" not in held:
        # It has no output, so nothing is billed for it.
        held["output_mtok"] = {0: decimal.Decimal(0)}
    if "input_mtok" not in held or "output_mtok" not in held:
        raise Unpriced("the source has no price per token of it")
    if not any(held["input_mtok"].values()):
        raise Unpriced("the source has it as free, which is an offer and no price")
    rows = []
    for bound in sorted({bound for steps in held.values() for bound in steps}):
        row = {"above_input_tokens": bound} if bound else {}
        for name, field in FIELDS.items():
            if name in held:
                row[field] = held[name][max(start for start in held[name] if start <= bound)]
        rows.append(row)
    return rows


def periods(known, embeds):
    prices = known["prices"]
    conditional = prices if isinstance(prices, list) else [{"prices": prices}]
    found = {}
    for condition in conditional:
        constraint = condition.get("constraint")
        if constraint is None:
            start = None
        elif constraint["class"] == "StartDateConstraint":
            start = datetime.date(*constraint["start_date"]["args"])
        else:
            raise Unpriced("its price depends on the hour, which a price list here cannot say")
        found[start] = tiers(condition["prices"], embeds)
    ordered = sorted(found.items(), key=lambda item: item[0] or datetime.date.min)
    # A period that repeats the prices of the one before it says nothing.
    return [period for place, period in enumerate(ordered) if place == 0 or period[1] != ordered[place - 1][1]]


def number(value):
    if isinstance(value, int):
        return str(value)
    text = format(value.normalize(), "f")
    return text if "." in text else text + ".0"


def table(row):
    return "{ " + ", ".join(f"{key} = {number(value)}" for key, value in row.items()) + " }"


def render(name, vendor, cards, version, read):
    lines = [
        f"# Written by scripts/catalog/prices.py from PyPI {PACKAGE} {version}: changes by hand are lost.",
        f'provider = "{name}"',
        f'source = "PyPI {PACKAGE} {version}"',
        f'as_of = "{read}"',
    ]
    unpriced = []
    for model, embeds in cards:
        try:
            known = periods(entry(vendor, model), embeds)
        except Unpriced as why:
            unpriced.append((model, why))
            continue
        lines += ["", "[[price]]", f'model = "{model}"']
        for start, rows in known:
            lines += ["", "[[price.periods]]"]
            lines += [f'from = "{start}"'] if start else []
            if len(rows) == 1:
                lines.append(f"tiers = [{table(rows[0])}]")
            else:
                lines += ["tiers = ["] + [f"    {table(row)}," for row in rows] + ["]"]
    for model, why in unpriced:
        lines += ["", "[[unpriced]]", f'model = "{model}"', f'why = "{why}"']
        print(f"{name}/{model}: unpriced, {why}")
    return "\n".join(lines) + "\n"


def cards():
    """The hosted cards by vendor, as (model, whether it embeds)."""
    found = {name: [] for name in VENDORS}
    for path in sorted((DATA / "models").glob("*.toml")):
        for card in tomllib.loads(path.read_text()).get("model", []):
            if card["key"]["provider"] in found:
                found[card["key"]["provider"]].append((card["key"]["model"], card.get("embeds", False)))
    return {name: sorted(held) for name, held in found.items() if held}


def source(version, sha256, read):
    return (
        "# The wheel that the prices of this folder were read from; MIT, see ../LICENCES.md.\n"
        f'package = "{PACKAGE}"\nversion = "{version}"\nsha256 = "{sha256}"\nread = "{read}"\n'
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the recorded wheel instead of writing")
    checking = parser.parse_args().check
    recorded = tomllib.loads(SOURCE.read_text()) if checking else {}
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch(recorded.get("version"), folder)
        version = wheel.name.split("-")[1]
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if checking and sha256 != recorded["sha256"]:
            sys.exit(f"{wheel.name} has the SHA-256 {sha256}, not the recorded {recorded['sha256']}")
        known = vendors(wheel)
    read = recorded.get("read", datetime.date.today().isoformat())
    files = {
        f"{name}.toml": render(name, known[VENDORS[name]], held, version, read) for name, held in cards().items()
    }
    files["SOURCE.toml"] = source(version, sha256, read)
    if checking:
        old = {path.name: path.read_text() for path in PRICES.glob("*.toml")}
        wrong = sorted(name for name in old.keys() | files.keys() if old.get(name) != files.get(name))
        sys.exit(f"not what {wheel.name} gives: {', '.join(wrong)}; run make prices" if wrong else 0)
    for path in PRICES.glob("*.toml"):
        path.unlink()
    for name, text in files.items():
        (PRICES / name).write_text(text)


if __name__ == "__main__":
    main()
