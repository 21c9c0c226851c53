#!/usr/bin/env python3
"""Writes what codecarbon answers beside greenroute's own tables: its names of places, its cloud regions, and the few
intensities that greenroute leaves out.

Run from the repository's root, after refresh_codecarbon.py; needs only python3 with pip:

    python3 scripts/energy/refresh_codecarbon_places.py
"""

import csv
import datetime
import json
import tempfile

from refresh_codecarbon import CODECARBON, DATA, POUNDS_PER_MWH_TO_GRAMS_PER_KWH, PROVINCES, wheel, write


def places(read):
    """Country, region as codecarbon spells it, then greenroute's zone, or codecarbon's own number and its year."""
    for code, row in sorted(read("global_energy_mix.json").items()):
        if row["carbon_intensity"] < 1:
            yield code, "", "", row["carbon_intensity"], row["year"]
    yield "WORLD", "", "", read("carbon_intensity_per_source.json")["world_average"], ""
    for name, row in sorted(read("2023/usa_emissions.json").items()):
        if name == "usa":
            yield "USA", name, "", row["emissions"] * POUNDS_PER_MWH_TO_GRAMS_PER_KWH, ""
        elif not name.startswith("_"):
            yield "USA", name, f"US-{row['regionCode']}", "", ""
    for name in sorted(read("2023/canada_energy_mix.json")):
        yield "CAN", name, f"CA-{PROVINCES[name]}", "", ""
    for zone, row in sorted(read("2023/china_provincial_emissions.json")["data"].items()):
        for name in row["names"]:
            yield "CHN", name, zone, "", ""
    country = {"SE": "SWE", "NO": "NOR", "FI": "FIN"}
    for zone, row in sorted(read("nordic_emissions.json")["data"].items()):
        if zone == "FI":
            yield "FIN", "fi", "", row["emission_factor"], ""
        else:
            yield country[zone[:2]], zone.lower(), f"{zone[:2]}-{zone}", "", ""


def main():
    head = [
        f"source: PyPI codecarbon {CODECARBON[1]} (MIT), by scripts/energy/refresh_codecarbon_places.py",
        f"as_of: {datetime.date.today().isoformat()}",
    ]
    (DATA / "codecarbon").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = wheel(*CODECARBON, folder)

        def read(name):
            return json.loads(archive.read(f"codecarbon/data/private_infra/{name}"))

        about = "zone: the row of grid/yearly.csv; grams_co2e_per_kwh: where that has none, or another number"
        rows = list(places(read))
        columns = ["country", "region", "zone", "grams_co2e_per_kwh", "year"]
        write(DATA / "codecarbon/places.csv", [*head, about], columns, rows)
        print(len(rows), "places")

        table = archive.read("codecarbon/data/cloud/impact.csv").decode("utf-8-sig")
        rows = [(row["provider"], row["region"], row["countryIsoCode"], row["impact"])
                for row in csv.DictReader(table.splitlines())]
        about = "grams of the grid per kWh as the cloud states them; names of regions as codecarbon spells them"
        columns = ["provider", "region", "country", "grams_co2e_per_kwh"]
        write(DATA / "codecarbon/clouds.csv", [*head, about], columns, rows)
        print(len(rows), "regions")


if __name__ == "__main__":
    main()
