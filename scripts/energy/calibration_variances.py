#!/usr/bin/env python3
"""Prints the rows of greenroute-energy/data/calibration.csv from measured runs.

    python3 scripts/energy/calibration_variances.py llm_configs.csv

The csv is one row per run of the ML.ENERGY leaderboard v3, with the columns task, model_id, total_params_billions,
activated_params_billions, weight_precision, gpu_model, num_gpus, avg_batch_size, avg_output_len,
energy_per_token_joules and output_throughput_tokens_per_sec. Only the standard library is used.
"""

import csv
import math
import statistics
import sys
from collections import defaultdict

TEXT = {"gpqa", "lm-arena-chat", "sourcegraph-fim"}
BOARDS = {"H100": (700, 3350, 0.0), "B200": (1000, 8000, 0.49697387306022717)}
BYTES = {"bfloat16": 2.0, "fp8": 1.0, "mxfp4": 0.55}


def phys5(run):
    """phys5@1, as METHOD.md has it: joules per output token."""
    tdp, bandwidth, g = BOARDS[run["gpu_model"]]
    boards, batch = int(run["num_gpus"]), float(run["avg_batch_size"])
    active, total = float(run["activated_params_billions"]), float(run["total_params_billions"])
    size, answer = BYTES[run["weight_precision"]], float(run["avg_output_len"])
    mixture = active < total
    read = active + (total - active) * (1 - (1 - active / total) ** batch) if mixture else total
    memory = 1.0773463741619096 * size * read / batch + 0.006013005241671019 * size * active
    memory += 0.19292667392768062 * boards + 0.013119506152538088 * answer / 1000 * math.sqrt(active)
    together = 0.001508650769666381 * boards * tdp / batch if mixture and boards > 1 else 0.0
    return math.exp(g) * (tdp / bandwidth * memory + together)


def throughput(run):
    tdp, _, _ = BOARDS[run["gpu_model"]]
    return int(run["num_gpus"]) * tdp * 0.75 / float(run["output_throughput_tokens_per_sec"])


def variances(runs, meter):
    deployments = defaultdict(list)
    for run in runs:
        key = (run["model_id"], run["gpu_model"], run["num_gpus"], run["task"])
        off = math.log(float(run["energy_per_token_joules"]) / meter(run))
        deployments[key].append((math.log2(float(run["avg_batch_size"])), off))
    apart = defaultdict(list)
    for group in deployments.values():
        for index, (load, off) in enumerate(group):
            for other_load, other in group[:index]:
                apart[round(abs(load - other_load))].append((off - other) ** 2 / 2)
    return statistics.fmean(apart[0]), statistics.fmean(apart[1])


def main():
    with open(sys.argv[1], newline="") as file:
        runs = [run for run in csv.DictReader(file) if run["task"] in TEXT]
    print("meter,same_doubling,next_doubling")
    for meter in (phys5, throughput):
        print(meter.__name__, *(f"{variance:.4f}" for variance in variances(runs, meter)), sep=",")


if __name__ == "__main__":
    main()
