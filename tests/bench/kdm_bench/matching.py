"""The realtime matcher beside npm's koncorde, on the same filters and documents."""

import json
import subprocess

from . import filters

TARGET = 0.1  # of koncorde's time a document, at TARGET_AT filters
TARGET_AT = 10_000

# Filters, and documents that are matched with them: koncorde needs 40 ms for one at 100,000.
FULL = ((10, 2000), (1_000, 2000), (10_000, 2000), (100_000, 200))
QUICK = ((10, 500), (1_000, 500), (10_000, 100))


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def measure(root, build, directory, report, quick):
    """Both find the same, or it is an error. Times are CPU time on the core that all is pinned to."""
    subprocess.run([root / "scripts" / "install-npm"], check=True, stdout=subprocess.DEVNULL)
    sizes = QUICK if quick else FULL
    seconds = 0.2 if quick else 1.0
    koncorde = ("node", "--expose-gc", "--max-old-space-size=6000", root / "tests" / "bench" / "koncorde.cjs")
    print("\nmatching a document of 500 bytes against filters of mixed kinds (us of CPU; bytes a filter)\n")
    print(f"{'filters':>9}{'found':>8} |{'kdm':>8}{'+ scan':>8}{'parse':>7}{'add':>7}{'remove':>7}{'bytes':>7}"
          f" |{'koncorde':>9}{'parse':>7}{'add':>7}{'remove':>7}{'bytes':>7} |{'ratio':>6}")  # fmt: skip
    for count, documents in sizes:
        files = filters.write(directory, count, documents)
        ours = run((build / "matcher", *files, count, seconds))
        theirs = run((*koncorde, *files, count, seconds))
        if ours["found"] != theirs["found"]:
            raise RuntimeError(f"{count} filters: {ours['found']} found, koncorde finds {theirs['found']}")
        ratio = theirs["match_us"] / ours["match_us"]
        report.line("matching", filters=count, ours=ours, koncorde=theirs, ratio=ratio)
        print(f"{count:9}{ours['found'] / documents:8.2f} |{ours['match_us']:8.2f}{ours['scan_match_us']:8.2f}{ours['parse_us']:7.2f}"
              f"{ours['add_us']:7.2f}{ours['remove_us']:7.2f}{ours['bytes']:7.0f} |{theirs['match_us']:9.1f}{theirs['parse_us']:7.1f}"
              f"{theirs['add_us']:7.1f}{theirs['remove_us']:7.1f}{theirs['bytes']:7.0f} |{ratio:6.0f}")  # fmt: skip
        if count == TARGET_AT:
            report.verdict(f"matching / koncorde, {count} filters", 1 / ratio, TARGET)
