# SPDX-License-Identifier: MIT
"""What the figures were taken on, and what else ran on it meanwhile."""
import json
import os
import platform
import resource
import subprocess
import time

# A round is dirty when other processes, or the hypervisor, took more than this share of all processors' time.
FOREIGN_MAX = 0.05
STEAL_MAX = 0.02
# /proc/stat counts in ticks, so that a short round is dirty by more than the rounding only.
TICKS_MIN = 3

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def read_line(path, key):
    """What follows `key :` on its line, or an empty string."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == key:
                    return value.strip()
    except OSError:
        pass
    return ""


def describe():
    return {
        "cpu": read_line("/proc/cpuinfo", "model name") or platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory": read_line("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "system": read_os_name(),
        "hypervisor": "hypervisor" in read_line("/proc/cpuinfo", "flags").split(),
    }


def read_os_name():
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            for line in file:
                if line.startswith("PRETTY_NAME="):
                    return line.partition("=")[2].strip().strip('"')
    except OSError:
        pass
    return platform.system()


def describe_build(directory):
    """What CMake wrote about the build, and the commit that the tree stands at."""
    with open(os.path.join(directory, "bench", "build.json"), encoding="utf-8") as file:
        build = json.load(file)
    source = build.pop("source")
    git = subprocess.run(["git", "-C", source, "describe", "--always", "--dirty", "--tags"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True, check=False)
    build["git"] = git.stdout.strip() or "unknown"
    return build


def busy_and_stolen_seconds():
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq) * TICK_SECONDS, steal * TICK_SECONDS


def own_seconds():
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


class Watch:
    """What the machine did between its making and stop(), that was not this process or its finished children."""

    def __init__(self):
        self.busy, self.stolen = busy_and_stolen_seconds()
        self.own = own_seconds()
        self.begin = time.monotonic()

    def stop(self):
        """The shares of all processors' time that others and the hypervisor took, and whether that is too much."""
        capacity = max(time.monotonic() - self.begin, TICK_SECONDS) * (os.cpu_count() or 1)
        busy, stolen = busy_and_stolen_seconds()
        foreign = max(0.0, busy - self.busy - (own_seconds() - self.own))
        stolen -= self.stolen
        least = TICKS_MIN * TICK_SECONDS
        dirty = foreign > max(FOREIGN_MAX * capacity, least) or stolen > max(STEAL_MAX * capacity, least)
        return {"seconds": round(capacity / (os.cpu_count() or 1), 3), "foreign": round(foreign / capacity, 4),
                "steal": round(stolen / capacity, 4), "dirty": dirty}
