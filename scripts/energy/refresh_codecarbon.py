#!/usr/bin/env python3
"""Writes greenroute-energy's grid and CPU tables from the PyPI packages codecarbon and pycountry.

Run from the repository's root; needs only python3 with pip. Same wheels, same files:

    python3 scripts/energy/refresh_codecarbon.py
"""

import csv
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

CODECARBON = ("codecarbon", "3.3.2", "05b31dea9dd26ed1e90947973c9ef20c87d127ea71fc32b4cb55a3ec512b8897")
PYCOUNTRY = ("pycountry", "24.6.1", "f1a4fb391cd7214f8eefd39556d740adcc233c778a27f8942c8dca351d6ce06f")
DATA = pathlib.Path(__file__).resolve().parents[2] / "greenroute-energy" / "data"
POUNDS_PER_MWH_TO_GRAMS_PER_KWH = 0.45359237
# kgCO2 per kWh of fossil generation, as codecarbon applies them to the mix of a Canadian province.
FUELS = {"coal": 0.995725971, "petroleum": 0.8166885263, "naturalGas": 0.7438415916}
# Between two good sources, as in src/grid/yearly.rs.
BAND = (0.70, 1.16)
# gCO2e/kWh of hydro and wind over their life: carbon_intensity_per_source.json of codecarbon.
CLEAN_LIFECYCLE = 26.0
PROVINCES = {
    "british columbia": "BC", "newfoundland and labrador": "NL", "nova scotia": "NS",
    "prince edward island": "PE", "new brunswick": "NB", "quebec": "QC", "ontario": "ON",
    "manitoba": "MB", "saskatchewan": "SK", "alberta": "AB", "yukon": "YT",
    "northwest territories": "NT", "nunavut": "NU",
}


def wheel(name, version, sha256, folder):
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"{name}=={version}"],
        check=True,
    )
    path = next(pathlib.Path(folder).glob(f"{name}-*.whl"))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{path.name} has the SHA-256 {found}, not {sha256}: read what changed before taking it")
    return zipfile.ZipFile(path)


def countries(archive, alpha_2):
    mix = json.loads(archive.read("codecarbon/data/private_infra/global_energy_mix.json"))
    rows, weights = [], []
    for alpha_3, row in sorted(mix.items()):
        if row["carbon_intensity"] < 1:
            # A grid of less than 0.2 TWh, rounded to nothing; no generation is without lifecycle emissions.
            print(row["country_name"], "left out:", row["carbon_intensity"], "g/kWh")
            continue
        rows.append((alpha_2[alpha_3], alpha_3, row["country_name"], row["carbon_intensity"], row["year"], "owid"))
        weights.append((row["carbon_intensity"], row["total_TWh"] or 0.0))
    return rows, weights


def world(weights):
    """The mean of all countries by what they generate, and the 5 % and 95 % quantiles of the same distribution."""
    total = sum(weight for _, weight in weights)
    mean = sum(grams * weight for grams, weight in weights) / total

    def quantile(share):
        reached = 0.0
        for grams, weight in sorted(weights):
            reached += weight
            if reached >= share * total:
                return grams
        raise AssertionError("the weights sum to the total")

    return mean, quantile(0.05), quantile(0.95)


def states(archive):
    table = json.loads(archive.read("codecarbon/data/private_infra/2023/usa_emissions.json"))
    for name, row in sorted(table.items()):
        if name.startswith("_") or not row.get("regionCode") or row["regionCode"] == "usa":
            continue
        grams = row["emissions"] * POUNDS_PER_MWH_TO_GRAMS_PER_KWH
        yield f"US-{row['regionCode']}", "", name.title(), round(grams, 9), 2023, "egrid"


def provinces(archive):
    table = json.loads(archive.read("codecarbon/data/private_infra/2023/canada_energy_mix.json"))
    for name, mix in sorted(table.items()):
        if name in PROVINCES:
            grams = sum(mix[fuel] * factor for fuel, factor in FUELS.items()) / mix["total"] * 1000
            yield f"CA-{PROVINCES[name]}", "", name.title(), round(grams, 9), 2023, "canada"
    table = json.loads(archive.read("codecarbon/data/private_infra/2023/china_provincial_emissions.json"))
    for zone, row in sorted(table["data"].items()):
        if not zone.startswith("_"):
            yield zone, "", row["description"], row["emission_factor"], row["year"], "china"
    table = json.loads(archive.read("codecarbon/data/private_infra/nordic_emissions.json"))
    for zone, row in sorted(table["data"].items()):
        if zone[:2] in ("SE", "NO") and zone[2:].isdigit():
            yield f"{zone[:2]}-{zone}", "", row["description"], row["emission_factor"], row["year"], "nordic"


def banded(row):
    """A table of stack emissions leaves out fuel supply and plants: up to what clean generation emits in its life."""
    *_, grams, _, source = row
    if source == "nordic":
        return (*row, "", "")
    high = max(grams * BAND[1], grams + CLEAN_LIFECYCLE)
    return (*row, round(grams * BAND[0], 3), round(high, 3))


def processors(archive):
    """Names as they stand, with the TDP; a few are `27.29.5`, and stay as names without one."""
    for row in csv.DictReader(archive.read("codecarbon/data/hardware/cpu_power.csv").decode("utf-8").splitlines()):
        try:
            float(row["TDP"])
            yield row["Name"], row["TDP"]
        except ValueError:
            yield row["Name"], ""


def write(path, head, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as out:
        out.writelines(f"# {line}\n" for line in head)
        out.write(",".join(columns) + "\n")
        for row in rows:
            out.write(",".join(str(cell).replace(",", ";").strip() for cell in row) + "\n")


def main():
    today = datetime.date.today().isoformat()
    by = f"PyPI codecarbon {CODECARBON[1]} (MIT), by scripts/energy/refresh_codecarbon.py"
    with tempfile.TemporaryDirectory() as folder:
        archive = wheel(*CODECARBON, folder)
        names = wheel(*PYCOUNTRY, folder)
        iso = json.loads(names.read("pycountry/databases/iso3166-1.json"))["3166-1"]
        alpha_2 = {row["alpha_3"]: row["alpha_2"] for row in iso} | {"XKX": "XK"}
        rows, weights = countries(archive, alpha_2)
        rows = [(*row, "", "") for row in rows]
        rows += [banded(row) for row in [*states(archive), *provinces(archive)]]
        mean, low, high = world(weights)
        head = [
            f"source: {by}",
            f"as_of: {today}",
            "owid: Our World in Data (Ember; Energy Institute), CC BY 4.0: gCO2e/kWh of generation, lifecycle",
            "egrid: US EPA eGRID2023, total output emission rate CO2e (STC2ERTA), public domain",
            "canada: generation mix of 2023 with codecarbon's factors for coal, petroleum and gas; direct only",
            "china: provincial factors of 2023 via codecarbon; CO2 only",
            "nordic: bidding zones via codecarbon, with the year of each row",
            "mean: all owid rows by generation; low and high are the 5 % and 95 % quantile of the same distribution",
        ]
        columns = ["zone", "alpha_3", "name", "grams_co2e_per_kwh", "year", "source", "low", "high"]
        first = ("WORLD", "", "World", round(mean, 1), 2022, "mean", round(low, 1), round(high, 1))
        write(DATA / "grid/yearly.csv", head, columns, [first, *rows])
        print(len(rows) + 1, "zones; world", round(mean, 1), "from", low, "to", high)

        named = list(processors(archive))
        head = [f"source: {by}", f"as_of: {today}", "thermal design power of one processor package",
                "a name may hold commas: the last one of a line parts the watts"]
        with open(DATA / "cpu/tdp.csv", "w", encoding="utf-8") as out:
            out.writelines(f"# {line}\n" for line in head)
            out.writelines(f"{name},{watts}\n" for name, watts in [("name", "watts"), *named])
        print(len(named), "processors")


if __name__ == "__main__":
    main()
