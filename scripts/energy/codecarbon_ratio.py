#!/usr/bin/env python3
"""What codecarbon takes to start and stop measuring, on this machine: the figure beside `benches/counter.rs`.

    python3 -m venv target/codecarbon-venv && target/codecarbon-venv/bin/pip install codecarbon==3.3.2
    target/codecarbon-venv/bin/python scripts/energy/codecarbon_ratio.py [--ours MICROSECONDS]

Prints the first start and stop of a tracker, what one more takes (`start_task`, `stop_task`: the cheapest way that
codecarbon has to bracket a call), and a tracker of its own for each call. With `--ours`, a figure of the bench, the ratio.
"""

import argparse
import logging
import os
import statistics
import time


def quantiles(times):
    times = sorted(times)
    return statistics.median(times) * 1e3, times[len(times) * 99 // 100] * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", type=float, help="microseconds of one metered call, from benches/counter.rs")
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    try:
        import codecarbon
    except ImportError:
        raise SystemExit("codecarbon is not installed: see the first lines of this script")
    logging.disable(logging.CRITICAL)
    settings = dict(country_iso_code="FRA", save_to_file=False, log_level="critical", allow_multiple_runs=True)

    def timed(call):
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    def own_tracker():
        tracker = codecarbon.OfflineEmissionsTracker(**settings)
        tracker.start()
        tracker.stop()

    first = timed(own_tracker)
    fresh = [timed(own_tracker) for _ in range(max(3, options.calls // 20))]
    tracker = codecarbon.OfflineEmissionsTracker(**settings)
    tasks = []
    for number in range(options.calls):
        name = f"call {number}"
        tasks.append(timed(lambda: (tracker.start_task(name), tracker.stop_task(name))))
    tracker.stop()

    print(f"codecarbon {codecarbon.__version__}, milliseconds; load {os.getloadavg()[0]:.2f}")
    print(f"first tracker, start and stop   {first * 1e3:10.1f}")
    for name, times in [("a tracker for each call", fresh), ("a task for each call", tasks)]:
        median, worst = quantiles(times)
        print(f"{name:<31} {median:10.2f} p50 {worst:10.2f} p99")
    if options.ours:
        print(f"a task of codecarbon takes {quantiles(tasks)[0] * 1e3 / options.ours:.0f} times our {options.ours} us")


if __name__ == "__main__":
    main()
