"""Forecasts of statsforecast's MSTL over a file of tasks, by one thread, and the CPU time that they took.

usage: mstl.py TASKS.jsonl.gz FORECASTS.csv
Prints one line of JSON. What is compiled at first use is compiled before the clock begins.
"""

import csv
import gzip
import json
import sys
import time
import warnings

import numpy as np
from statsforecast.models import MSTL

LEVELS = [80, 95]


def forecast(task):
    """The forecast of one task, with its bands."""
    model = MSTL(season_length=task["season"])
    return model.forecast(y=np.array(task["y"], dtype=float), h=task["horizon"], level=LEVELS)


def main(tasks, into):
    warnings.simplefilter("ignore")
    with gzip.open(tasks, "rt") as file:
        tasks = [json.loads(line) for line in file if line.strip()]
    forecast(tasks[0])
    began = time.process_time()
    forecasts = [forecast(task) for task in tasks]
    spent = time.process_time() - began
    with open(into, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["series_id", "step", "mean", "lo80", "hi80", "lo95", "hi95"])
        for task, found in zip(tasks, forecasts):
            columns = [found[name] for name in ("mean", "lo-80", "hi-80", "lo-95", "hi-95")]
            for step, values in enumerate(zip(*columns), 1):
                rows.writerow([task["id"], step, *map(float, values)])
    print(json.dumps({"series": len(tasks), "cpu_s": spent}))


if __name__ == "__main__":
    main(*sys.argv[1:])
