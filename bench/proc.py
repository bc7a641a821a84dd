"""Processes under measurement: started on loopback, watched through /proc, ended by their own id."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")


class Process:
    """A child that is ended when the block ends. Its log goes to a file, whose end is shown when it dies early."""

    def __init__(self, command: list[str], log: pathlib.Path, env: dict[str, str] | None = None):
        self.name, self.log = " ".join(command[:2]), log
        self.child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(log, "wb"), env={**os.environ, **(env or {})}
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def first_line(self, seconds: float) -> dict:
        """The JSON line that the program prints when it is ready."""
        ready, _, _ = select.select([self.child.stdout], [], [], seconds)
        line = self.child.stdout.readline() if ready else b""
        if not line:
            self.died("printed nothing")
        # Whatever it prints later must not fill the pipe.
        threading.Thread(target=self.child.stdout.read, daemon=True).start()
        return json.loads(line)

    def drain(self) -> None:
        threading.Thread(target=self.child.stdout.read, daemon=True).start()

    def died(self, why: str) -> None:
        tail = self.log.read_text(errors="replace").splitlines()[-20:]
        raise SystemExit(f"{self.name} {why} (exit code {self.child.poll()}); the end of {self.log}:\n" + "\n".join(tail))

    def cpu(self) -> float:
        """CPU seconds so far, of ended children too."""
        fields = stat(self.child.pid)
        return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICK

    def meter(self) -> Meter:
        return Meter(self.child.pid)


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold blanks."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()


class Meter:
    """Peak resident memory and CPU seconds of a process while the block runs.

    The kernel's own high-water mark is set back at the start where that is allowed (then nothing is missed between
    samples); else the resident size is sampled every 100 ms.
    """

    def __init__(self, pid: int):
        self.pid, self.peak, self.cpu, self.wall, self.mark = pid, 0, 0.0, 0.0, False
        self.stop = threading.Event()

    def __enter__(self) -> Meter:
        try:
            with open(f"/proc/{self.pid}/clear_refs", "w", encoding="utf-8") as file:
                file.write("5")
            self.mark = True
        except OSError:
            self.mark = False
        self.peak = self.resident()
        self.started, self.before = time.monotonic(), self.ticks()
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.wall, self.cpu = time.monotonic() - self.started, self.ticks() - self.before
        self.stop.set()
        self.thread.join()
        self.peak = max(self.peak, self.resident())

    def sample(self) -> None:
        while not self.stop.wait(0.1):
            self.peak = max(self.peak, self.resident())

    def ticks(self) -> float:
        try:
            return sum(int(f) for f in stat(self.pid)[11:15]) / TICK
        except FileNotFoundError:
            return 0.0

    def resident_now(self) -> int:
        """Resident bytes at this moment."""
        self.mark = False
        return self.resident()

    def resident(self) -> int:
        name = "VmHWM:" if self.mark else "VmRSS:"
        try:
            with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
                for line in file:
                    if line.startswith(name):
                        return int(line.split()[1]) * 1024
        except FileNotFoundError:
            pass
        return 0


class Tree:
    """Peak resident memory of a process and all that it started together while the block runs, sampled every 100 ms."""

    def __init__(self, root: int):
        self.root, self.peak = root, 0
        self.stop = threading.Event()

    def __enter__(self) -> Tree:
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        self.thread.join()

    def sample(self) -> None:
        while not self.stop.wait(0.1):
            self.peak = max(self.peak, sum(Meter(pid).resident() for pid in family(self.root)))


def family(root: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    found = [root]
    for pid in found:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            # A task that just ended had its children taken over.
            with contextlib.suppress(OSError):
                found.extend(int(child) for child in task.read_text(encoding="ascii").split())
    return found
