#!/usr/bin/env python3
"""Writes greenroute-energy's EcoLogits tables from the PyPI packages ecologits and pycountry.

Run from the repository's root; needs only python3 with pip. Same wheels, same files:

    python3 scripts/energy/refresh_ecologits.py
"""

import ast
import datetime
import json
import tempfile

from refresh_codecarbon import DATA, PYCOUNTRY, wheel, write

ECOLOGITS = ("ecologits", "0.11.3", "c477b77a95c65abbc0ed475b62708ce64ada871b675df0261f345296b0a6facd")
# How greenroute spells the providers that EcoLogits knows under another name.
OURS = {"google_genai": "gemini", "mistralai": "mistral", "huggingface_hub": "huggingface"}
SHORT = {
    "model-arch-not-released": "arch",
    "model-arch-multimodal": "multimodal",
    "electricity-mix-adpe-world": "adpe",
    "electricity-mix-pe-world": "pe",
    "electricity-mix-wue-world": "wue",
}
UNITS = {
    "MODEL_QUANTIZATION_BITS": "bits per parameter",
    "GPU_ENERGY_ALPHA": "Wh per token and billion active parameters",
    "GPU_ENERGY_BETA": "per request of the batch",
    "GPU_ENERGY_GAMMA": "Wh per token",
    "LATENCY_ALPHA": "s per token and billion active parameters",
    "LATENCY_BETA": "s per token and request of the batch",
    "LATENCY_GAMMA": "s per token",
    "GPU_MEMORY": "GB",
    "GPU_EMBODIED_IMPACT_GWP": "kgCO2e per GPU",
    "GPU_EMBODIED_IMPACT_ADPE": "kgSbe per GPU",
    "GPU_EMBODIED_IMPACT_PE": "MJ per GPU",
    "SERVER_GPUS": "GPUs per server",
    "SERVER_POWER": "kW per server without GPUs",
    "SERVER_EMBODIED_IMPACT_GWP": "kgCO2e per server without GPUs",
    "SERVER_EMBODIED_IMPACT_ADPE": "kgSbe per server without GPUs",
    "SERVER_EMBODIED_IMPACT_PE": "MJ per server without GPUs",
    "HARDWARE_LIFESPAN": "s",
    "BATCH_SIZE": "requests at once",
}


def ends(value):
    """The two ends of a number or of a range."""
    return (value["min"], value["max"]) if isinstance(value, dict) else (value, value)


def short(codes):
    return "+".join(SHORT[code] for code in codes or [])


def known(value):
    return "" if value is None else value


def models(archive):
    table = json.loads(archive.read("ecologits/data/models.json"))
    for row in table["models"]:
        parameters = row["architecture"]["parameters"]
        moe = isinstance(parameters, dict) and "total" in parameters
        total, active = (parameters["total"], parameters["active"]) if moe else (parameters, parameters)
        speed = row["deployment"] or {"tps": None, "ttft": None}
        yield (
            row["provider"], row["name"], *ends(total), *ends(active),
            known(speed["tps"]), known(speed["ttft"]), short(row["warnings"]), "",
        )
    for row in table["aliases"]:
        yield row["provider"], row["name"], "", "", "", "", "", "", "", row["alias"]


def mixes(archive, alpha_2):
    for row in json.loads(archive.read("ecologits/data/electricity_mixes.json"))["electricity_mixes"]:
        numbers = [row[name] for name in ("gwp", "adpe", "pe", "wue")]
        yield row["name"], alpha_2.get(row["name"], ""), *numbers, short(row["warnings"])


def assigned(source, name):
    """The value that a module gives to a name, as a syntax tree."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            return node.value
    raise KeyError(name)


def number(node):
    """A literal, or a product of literals."""
    return eval(compile(ast.Expression(node), "literal", "eval"), {"__builtins__": {}})


def providers(archive):
    table = assigned(archive.read("ecologits/tracers/utils.py"), "PROVIDER_CONFIG_MAP")
    for key, config in zip(table.keys, table.values):
        fields = {field.arg: field.value for field in config.keywords}
        pair = []
        for name in ("datacenter_pue", "datacenter_wue"):
            value = fields[name]
            if isinstance(value, ast.Call):
                range_value = {end.arg: number(end.value) for end in value.keywords}
                pair += [range_value["min"], range_value["max"]]
            else:
                pair += [number(value)] * 2
        yield key.value, OURS.get(key.value, key.value), number(fields["datacenter_location"]), *pair


def coefficients(archive):
    source = archive.read("ecologits/impacts/llm.py")
    for name, unit in UNITS.items():
        yield name.lower(), number(assigned(source, name)), unit


def main():
    today = datetime.date.today().isoformat()
    head = [
        f"source: PyPI ecologits {ECOLOGITS[1]} by scripts/energy/refresh_ecologits.py, "
        f"wheel SHA-256 {ECOLOGITS[2]}",
        f"as_of: {today}",
        "licence: This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a copy of "
        "the MPL was not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/. "
        "Changed in form only.",
    ]
    folder = DATA / "ecologits"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        archive = wheel(*ECOLOGITS, downloads)
        names = wheel(*PYCOUNTRY, downloads)
        iso = json.loads(names.read("pycountry/databases/iso3166-1.json"))["3166-1"]
        alpha_2 = {row["alpha_3"]: row["alpha_2"] for row in iso} | {"XKX": "XK", "WOR": "WORLD"}

        rows = list(models(archive))
        about = ["billions of parameters, total and active; tokens per second; seconds to the first token",
                 "warnings: arch = model-arch-not-released, multimodal = model-arch-multimodal"]
        columns = ["provider", "model", "total_min", "total_max", "active_min", "active_max", "tps", "ttft", "warnings",
                   "alias_of"]
        write(folder / "models.csv", head + about, columns, rows)
        print(len(rows), "models and aliases")

        rows = list(mixes(archive, alpha_2))
        about = ["per kWh: gwp in kgCO2e, adpe in kgSbe, pe in MJ, wue in L",
                 "warnings: which of them are the world's, electricity-mix-…-world",
                 "alpha_2 is added by greenroute"]
        write(folder / "mixes.csv", head + about, ["zone", "alpha_2", "gwp", "adpe", "pe", "wue", "warnings"], rows)
        print(len(rows), "electricity mixes")

        rows = list(providers(archive))
        about = ["pue; wue in L per kWh of the machines",
                 "ours, greenroute's name of the provider, is added by greenroute"]
        columns = ["provider", "ours", "zone", "pue_min", "pue_max", "wue_min", "wue_max"]
        write(folder / "providers.csv", head + about, columns, rows)
        print(len(rows), "providers")

        rows = list(coefficients(archive))
        write(folder / "coefficients.csv", head, ["name", "value", "unit"], rows)
        print(len(rows), "coefficients")


if __name__ == "__main__":
    main()
