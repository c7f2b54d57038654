"""Draws what ``bench/scaling.py`` measured: ``draw_scaling.py FILE.svg <JSON``."""

import json
import sys

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "takeoff"  # the same measurements give the same file

from matplotlib import pyplot as plt  # noqa: E402 - the backend comes first

seen = json.load(sys.stdin)
hosts = [one["hosts"] for one in seen]
figure, (cpu, memory) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for key, label in (
    ("rollout_cpu_s", "whole rollout"),
    ("connect_cpu_s", "connect, one command"),
    ("command_cpu_s", "one command"),
):
    (line,) = cpu.plot(hosts, [one[key] for one in seen], marker="o", label=label)
    slope = seen[-1][key] / hosts[-1]
    cpu.plot(hosts, [slope * count for count in hosts], linestyle=":", color=line.get_color(), linewidth=1)
cpu.set(xscale="log", yscale="log", xlabel="hosts", ylabel="CPU of our process, s", title="dotted: exactly linear")
cpu.legend()
memory.plot(hosts, [one["peak_mb"] for one in seen], marker="o")
memory.set(xlabel="hosts, all connections open", ylabel="largest memory, MB", ylim=(0, 320))
memory.axhline(300, linestyle=":", linewidth=1)
for axes in (cpu, memory):
    axes.grid(alpha=0.3)
figure.savefig(sys.argv[1], metadata={"Date": None})
