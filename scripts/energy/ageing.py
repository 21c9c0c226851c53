#!/usr/bin/env python3
"""Prints the rows of greenroute-energy/data/grid/ageing.csv from hourly intensities of grids.

The files are those of hourly_shapes.py, with the column avg_CI that HewlettPackard/dc-rl gives beside the generation,
one row per hour and none left out:

    python3 scripts/energy/ageing.py TX_NG_\\&_avgCI.csv CA_NG_\\&_avgCI.csv
"""

import csv
import sys

HOURS = [1, 2, 3, 4, 5, 6, 12, 24, 48]


def grams(path):
    with open(path, encoding="utf-8") as rows:
        return [float(row["avg_CI"] or 0) for row in csv.DictReader(rows)]


def main():
    grids = [grams(path) for path in sys.argv[1:]]
    for hours in HOURS:
        pairs = (pair for grid in grids for pair in zip(grid[hours:], grid))
        ratios = sorted(now / before for now, before in pairs if now > 0 and before > 0)
        low, high = (ratios[int(len(ratios) * share)] for share in (0.05, 0.95))
        print(f"{hours},{low:.3f},{high:.3f}")


if __name__ == "__main__":
    main()
