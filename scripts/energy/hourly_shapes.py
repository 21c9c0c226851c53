#!/usr/bin/env python3
"""Rewrites greenroute-energy/data/grid/hourly.csv from hourly generation by fuel of US balancing authorities.

The files are those of HewlettPackard/dc-rl at commit a92b475, folder data/CarbonIntensity, one per balancing
authority: EIA-930 of 2022 with the columns timestamp, WND, SUN, WAT, OIL, NG, COL, NUC, OTH in MWh. Run from the
repository's root with the standard library alone; areas that are not named keep their rows:

    python3 scripts/energy/hourly_shapes.py ERCO=TX_NG_\\&_avgCI.csv CISO=CA_NG_\\&_avgCI.csv
"""

import csv
import datetime
import pathlib
import sys
import zoneinfo

GRID = pathlib.Path(__file__).resolve().parents[2] / "greenroute-energy" / "data" / "grid"
# Lifecycle gCO2e/kWh by fuel: medians of IPCC AR5 WG3 annex III, table A.III.2, with 650 for oil and 230 for other
# (mostly biomass), as the dc-rl files apply them.
FACTORS = {"WND": 11, "SUN": 41, "WAT": 24, "OIL": 650, "NG": 490, "COL": 820, "NUC": 12, "OTH": 230}
HEAD = """\
# source: US EIA, form EIA-930 of 2022, hourly net generation by fuel and balancing authority (public domain), as carried by github.com/HewlettPackard/dc-rl@a92b475 data/CarbonIntensity (MIT), by scripts/energy/hourly_shapes.py
# as_of: 2026-11-21
# gCO2e/kWh of generation inside the area, lifecycle: wind 11, sun 41, water 24, oil 650, gas 490, coal 820, nuclear 12, other 230 (IPCC AR5 WG3 annex III, oil and other as in dc-rl)
# hour: that at which the metered hour ends, on the area's own clock with daylight saving: 14 is the time from 13:00 to 14:00
# mean, p10, p90 and number of the hours of the year with this month and hour; clocks are in zones.csv
"""
COLUMNS = ["area", "month", "hour", "mean", "p10", "p90", "hours"]


def clocks():
    rows = (line for line in (GRID / "zones.csv").open(encoding="utf-8") if not line.startswith("#"))
    return {row["area"]: zoneinfo.ZoneInfo(row["clock"]) for row in csv.DictReader(rows) if row["area"]}


def quantile(ordered, share):
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def shape(path, clock):
    cells = {}
    for row in csv.DictReader(open(path, encoding="utf-8")):
        generation = {fuel: max(float(row[fuel] or 0), 0.0) for fuel in FACTORS}
        total = sum(generation.values())
        if total > 0:
            grams = sum(generation[fuel] * FACTORS[fuel] for fuel in FACTORS) / total
            local = datetime.datetime.fromisoformat(row["timestamp"]).astimezone(clock)
            cells.setdefault((local.month, local.hour), []).append(grams)
    for (month, hour), grams in sorted(cells.items()):
        grams.sort()
        mean = sum(grams) / len(grams)
        cell = (mean, quantile(grams, 0.1), quantile(grams, 0.9))
        yield month, hour, *(f"{number:.1f}" for number in cell), len(grams)


def main():
    table = GRID / "hourly.csv"
    rows = {}
    if table.exists():
        lines = (line for line in table.open(encoding="utf-8") if not line.startswith("#"))
        for row in csv.DictReader(lines):
            rows.setdefault(row["area"], []).append(tuple(row.values()))
    known = clocks()
    for argument in sys.argv[1:]:
        area, path = argument.split("=", 1)
        rows[area] = [(area, *cell) for cell in shape(path, known[area])]
        print(area, len(rows[area]), "cells")
    with table.open("w", encoding="utf-8", newline="") as out:
        out.write(HEAD)
        out.write(",".join(COLUMNS) + "\n")
        for area in known:
            out.writelines(",".join(map(str, row)) + "\n" for row in rows.get(area, []))


if __name__ == "__main__":
    main()
