"""Reads an export by Prometheus' own parser of OpenMetrics, and holds it against what was written.

openmetrics.py SAMPLES.txt EXPECTED.json: the parser refuses families that are interleaved, times that go back,
units and names that do not agree, and a file without its last line.
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_fd_to_metric_families

FAULTS = []


def same(what, found, expected):
    if found != expected:
        FAULTS.append(f"prometheus_client: {what} is {found!r}, and {expected!r} was written")


def main(path, expected):
    with open(expected, encoding="utf-8") as file:
        expected = json.load(file)["openmetrics"]
    samples, families, series, times, labels = 0, set(), set(), [], set()
    with open(path, encoding="utf-8", newline="") as file:
        for family in text_fd_to_metric_families(file):
            families.add((family.name, family.type))
            for sample in family.samples:
                samples += 1
                series.add((sample.name, tuple(sorted(sample.labels.items()))))
                times.append(round(float(sample.timestamp) * 1000))
                labels.add(sample.labels.get("part"))
                same("whose a sample is", sample.labels.get("device_id"), expected["device_id"])
    same("the number of samples", samples, expected["samples"])
    same("the number of series", len(series), expected["series"])
    same("the number of families", len(families), expected["families"])
    same("the kinds of families", {kind for _, kind in families}, {"counter", "gauge"})
    same("the first time", min(times), expected["first_ms"])
    same("the last time", max(times), expected["last_ms"])
    same("whether a label with quotes is there", expected["label"] in labels, True)


main(*sys.argv[1:])
for fault in FAULTS[:20]:
    print(fault, file=sys.stderr)
sys.exit(bool(FAULTS))
