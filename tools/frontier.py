#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows what replacing ReLUs costs in answers: runs gfscc --replace once and draws every step with its predicted cost.

  tools/frontier.py MODEL.onnx --calib CALIB.npy --judge TEST.npz -o docs/frontier/NAME

writes NAME.json (all points), NAME.md (a table) and NAME.svg (a plot). CALIB needs no labels. TEST holds samples that
decide nothing; an array "labels" in it gives accuracies, too. With several pairs of --calib and --judge, two halves that
judge each other for example, points are means over the pairs.

  tools/frontier.py MODEL.onnx --calib CALIB.npy --judge TEST.npz -o NAME --ingredients --at 0.3 0.6 0.75

writes what each ingredient of the choice is worth: NAME.md, a row for the whole and one without each of them. Needs nothing
but Python and gfscc.
"""
import argparse
import json
import pathlib
import subprocess
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 480, 300, 56, 44, 16, 16


OUT_OF_RANGE = 7  # exit code, see docs/exit-codes.md
INGREDIENTS = ("channels", "refit", "ranking", "elements", "density", "augment")


class Refused(Exception):
    """gfscc cannot go as far as that, and has said why."""


def run_gfscc(arguments, calib, judge, without, target):
    """Frontier of the model, as gfscc writes it."""
    command = [arguments.gfscc, arguments.model, "-q", "--calib", calib, "--judge", judge,
               f"--replace={arguments.replace}", f"--degrees={arguments.degrees}", "--frontier", target,
               f"--network={arguments.network}", f"--choose-step={arguments.step:g}", "--compile-to=optimise"]
    for ingredient in without:
        command += ["--choose-without", ingredient]
    done = subprocess.run(command)
    if done.returncode == OUT_OF_RANGE:
        raise Refused
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(pathlib.Path(target).read_text())


def mean(frontiers):
    """One frontier whose judged points are means; a figure that any of them lacks is left out."""
    points = []
    for same in zip(*(frontier["judged"] for frontier in frontiers)):
        keys = [key for key in same[0] if all(key in point for point in same)]
        points.append({key: sum(point[key] for point in same) / len(same) for key in keys})
    return {**frontiers[0], "judged": points}


def run_all(arguments, without, target):
    """Mean frontier over all pairs of calibration and test samples."""
    pairs = zip(arguments.calib, arguments.judge)
    return mean([run_gfscc(arguments, calib, judge, without, target) for calib, judge in pairs])


def farthest(arguments, without, target):
    """The points up to the largest share of --at that gfscc reaches, and that share."""
    asked = arguments.replace
    for share in sorted(arguments.at, reverse=True):
        try:
            arguments.replace = f"ratio:{share}"
            return run_all(arguments, without, target)["judged"], share
        except Refused:
            continue
        finally:
            arguments.replace = asked
    return [{"replaced": 0.0, "agreement": 1.0}], 0.0


def ingredients(arguments, target):
    """Markdown: accuracy and KL divergence at some shares, with all ingredients and without each."""
    rows = [["without"] + [f"{100 * share:g} %" for share in arguments.at], ["---"] + ["---:"] * len(arguments.at)]
    for ingredient in (None, *INGREDIENTS):
        judged, reach = farthest(arguments, ["costs"] + ([ingredient] if ingredient else []), target)
        row = [ingredient or "(nothing)"]
        for share in arguments.at:
            point = min(judged, key=lambda p: abs(p["replaced"] - share))
            figure = point.get("accuracy", point["agreement"])
            divergence = f"{point['divergence']:.3f}" if "divergence" in point else "unbounded"
            row.append(f"{100 * figure:.2f} % ({divergence})" if share <= reach else "grows without bound")
        rows.append(row)
        print(f"| {' | '.join(row)} |", flush=True)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def table(frontier):
    """Markdown: share replaced, ReLUs left, agreement, accuracy where labels say it, predicted cost."""
    columns = [("replaced", lambda p: f"{100 * p['replaced']:.1f} %"),
               ("ReLUs left", lambda p: f"{round(frontier['relus'] * (1 - p['replaced'])):,}"),
               ("same answer", lambda p: f"{100 * p['agreement']:.1f} %"),
               ("KL, nats", lambda p: f"{p['divergence']:.4f}" if "divergence" in p else None),
               ("accuracy", lambda p: f"{100 * p['accuracy']:.2f} %" if "accuracy" in p else None),
               ("predicted ms", lambda p: f"{p['predicted_ms']:.1f}" if "predicted_ms" in p else None),
               ("ring", lambda p: f"{p['ring_bits']:g}" if "ring_bits" in p else None),
               ("exchanges", lambda p: f"{p['exchanges']:.0f}" if "exchanges" in p else None),
               ("dealt bytes", lambda p: f"{p['dealt_bytes']:,.0f}" if "dealt_bytes" in p else None)]
    points = frontier["judged"]
    columns = [(name, text) for name, text in columns if any(text(p) is not None for p in points)]
    rows = [[name for name, _ in columns], ["---:"] * len(columns)]
    rows += [[text(p) or "" for _, text in columns] for p in points]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def plot(frontier):
    """SVG: share replaced to the right; upwards what stays, in percent: answers, and of the dearest point's predicted cost."""
    points = frontier["judged"]
    curves = [("same answer", [(p["replaced"], 100 * p["agreement"]) for p in points], "#1f6feb")]
    for label, key, colour in (("accuracy", "accuracy", "#bf5700"), ("predicted time", "predicted_ms", "#1a7f37"),
                               ("dealt bytes", "dealt_bytes", "#8250df")):
        known = [p for p in points if key in p]
        if known:
            whole = 1 if key == "accuracy" else max(p[key] for p in known)
            curves.append((label, [(p["replaced"], 100 * p[key] / whole) for p in known], colour))
    low = 5 * (min(percent for _, curve, _ in curves for _, percent in curve) // 5)
    low = min(low, 95)

    def x(share):
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(percent):
        return TOP + (100 - percent) / (100 - low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for tick in range(0, 101, 20):
        parts.append(f'<text x="{x(tick / 100):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick}</text>')
    for i in range(5):
        percent = low + i * (100 - low) / 4
        parts.append(f'<path d="M{LEFT} {y(percent):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y(percent) + 4:.1f}" text-anchor="end">{percent:g}</text>')
    parts.append(f'<text x="{x(0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle">ReLUs replaced, %</text>')
    for row, (label, curve, colour) in enumerate(curves):
        line = " ".join(f"{x(share):.1f},{y(percent):.1f}" for share, percent in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
                     f'<text x="{LEFT + 12}" y="{HEIGHT - BOTTOM + 6 + 16 * (row - len(curves))}" fill="{colour}">{label}, %</text>')
    return "\n".join(parts) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--calib", required=True, nargs="+")
    parser.add_argument("--judge", required=True, nargs="+", help="as many as --calib")
    parser.add_argument("-o", "--out", required=True, help="path without ending")
    parser.add_argument("--replace", default="all", help="how far to go: all, auto or ratio:R")
    parser.add_argument("--degrees", default="0,1,2")
    parser.add_argument("--network", default="lan", help="what times are predicted for: lan, wan or rtt=MS,bw=MBIT")
    parser.add_argument("--without", action="append", default=[], help="channels, refit, ranking, elements, density, augment or costs")
    parser.add_argument("--step", type=float, default=5, help="percent of the ReLUs that go between two rankings")
    parser.add_argument("--ingredients", action="store_true", help="a table of what each ingredient is worth, instead")
    parser.add_argument("--at", type=float, nargs="+", default=[0.3, 0.6, 0.75], help="shares of that table")
    parser.add_argument("--gfscc", default="gfscc")
    parser.add_argument("--redraw", action="store_true", help="table and plot from a .json that is there")
    arguments = parser.parse_args()
    if len(arguments.calib) != len(arguments.judge):
        parser.error("--calib and --judge need as many files each")
    out = pathlib.Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    target = f"{out}.json"
    if arguments.ingredients:
        pathlib.Path(f"{out}.md").write_text(ingredients(arguments, target))
        return
    try:
        frontier = json.loads(pathlib.Path(target).read_text()) if arguments.redraw else run_all(arguments, arguments.without, target)
    except Refused:
        sys.exit(OUT_OF_RANGE)
    pathlib.Path(target).write_text(json.dumps(frontier, indent=2) + "\n")
    pathlib.Path(f"{out}.md").write_text(table(frontier))
    pathlib.Path(f"{out}.svg").write_text(plot(frontier))
    print(table(frontier), end="")


if __name__ == "__main__":
    main()
