"""Medians over the quiet rounds, ratios to the limits, the table, JSON lines."""

import json
from statistics import median

from . import cases

# Cores that other programs used: a round with more is left out when two others remain.
DISTURBED = 0.5

FIGURES = ("rps", "p50_ms", "p99_ms", "request_bytes", "reply_bytes", "other_cores",
           "generator_us_per_request")  # fmt: skip


class Report:
    def __init__(self, json_path):
        self.file = open(json_path, "w") if json_path else None
        self.runs = {}  # (shape, case): results
        self.verdicts = []

    def line(self, kind, **values):
        if self.file:
            print(json.dumps({"kind": kind, **values}), file=self.file, flush=True)

    def add_run(self, shape, case, round_number, result):
        self.runs.setdefault((shape.name, case.name), []).append(result)
        self.line("run", shape=shape.name, case=case.name, round=round_number, **result)

    def figures(self, shape, name):
        """Medians of one case, or None when it did not run."""
        runs = self.runs.get((shape, name))
        if not runs:
            return None
        quiet = [run for run in runs if run["other_cores"] <= DISTURBED]
        counted = quiet if len(quiet) >= 2 else runs
        figures = {key: median(run[key] for run in counted) for key in FIGURES}
        for who in ("server", "redis"):
            figures[who] = median(run[who]["cpu_us_per_request"] for run in counted)
        figures["rounds"] = len(counted)
        figures["errors"] = sum(run["errors"] + run["unanswered"] for run in runs)
        figures["first_error"] = next((run["first_error"] for run in runs if "first_error" in run), "")
        return figures

    def ratio(self, shape, case, who):
        """To the sum of the case's limits; None when one of them did not run."""
        names = (case.redis_limits or case.limits) if who == "redis" else case.limits
        limits = [self.figures(shape, name) for name in names]
        own = self.figures(shape, case.name)
        if not names or not own or None in limits:
            return None
        total = sum(limit[who] for limit in limits)
        return own[who] / total if total > 0.05 else None

    def table(self, shape, all_cases):
        print(f"\n{shape.name} (connections x requests under way on each)\n")
        print(f"{'':22}{'CPU us':>8}{'Redis us':>9}{'req/s':>9}{'p50 ms':>8}{'p99 ms':>8}"
              f"{'x limit':>9}{'Redis x':>9}")  # fmt: skip
        for case in all_cases:
            own = self.figures(shape.name, case.name)
            if own is None:
                continue
            server, redis = (self.ratio(shape.name, case, who) for who in ("server", "redis"))
            print(f"{case.name:22}{own['server']:8.2f}{own['redis']:9.2f}{own['rps']:9.0f}"
                  f"{own['p50_ms']:8.3f}{own['p99_ms']:8.3f}{of(server):>9}{of(redis):>9}")  # fmt: skip
            if own["errors"]:
                print(f"{'':4}{own['errors']} FAILED, the first: {own['first_error'][:160]}")
            self.line("case", shape=shape.name, case=case.name, ratio=server, redis_ratio=redis, **own)

    def verdict(self, what, value, target, unit="x"):
        self.verdicts.append((what, value, target, unit))
        self.line("target", what=what, value=round(value, 3), target=target, met=value <= target)

    def judge(self, shape, all_cases):
        """The targets count at the busy shape only."""
        for case in all_cases:
            own = self.figures(shape.name, case.name)
            if case.server != "kdmd" or own is None or own["errors"]:
                continue
            server, redis = (self.ratio(shape.name, case, who) for who in ("server", "redis"))
            if case.target and server is not None:
                self.verdict(f"{case.name} / {' + '.join(case.limits)}", server, case.target)
            other = self.figures(shape.name, case.beside)
            if case.beside and other is not None:
                self.verdict(f"{case.name} more than {case.beside}", own["server"] - other["server"], case.more, " us")
            if redis is not None and not case.http:
                names = " + ".join(case.redis_limits or case.limits)
                self.verdict(f"Redis: {case.name} / {names}", redis, cases.REDIS_TARGET)

    def print_verdicts(self):
        if self.verdicts:
            print("\ntargets\n")
        for what, value, target, unit in self.verdicts:
            word = "met" if value <= target else f"MISSED by {100 * (value / target - 1):.0f} %"
            print(f"  {what:60}{value:7.2f}{unit} of {target:g}{unit}  {word}")

    def print_disturbance(self):
        others = [run["other_cores"] for runs in self.runs.values() for run in runs]
        if others and median(others) > 0.3:
            print(f"\nOther programs used {median(others):.1f} cores meanwhile: repeat on a quiet machine.")


def of(ratio):
    return "" if ratio is None else f"{ratio:.2f}"
