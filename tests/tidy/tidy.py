#!/usr/bin/env python3
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks on the repository itself; tests/tidy/README.md has the list.

Prints one line per finding, path:line: check: message, and exits 1 when one of
them is an error. Warnings and the list of units without a test do not fail.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

# Lowest first. A folder may include itself and what comes before it.
LAYERS = ["base", "trace", "sched", "kernel", "mm", "notifier", "device",
          "check", "explore", "scenario", "sweep", "report", "host", "api", "main"]
# mmfault::testing sits beside the layers: above report, below nothing.
TESTING_ABOVE = "report"
# Who may include faults/, and generated protos, within server/.
FAULTS_FROM = "sched"
PROTOS_FROM = {"scenario", "sweep", "report", "host", "api", "main", "testing"}
# Runs the simulation; time, threads and hash order must not reach it.
DETERMINISTIC = LAYERS[:LAYERS.index("host")]

SOURCE_SUFFIXES = {".cc", ".h", ".c", ".py", ".sh", ".proto", ".cmake",
                   ".textproto", ".mjs", ".js", ".ts"}
SOURCE_NAMES = {"dev", "run", "Containerfile"}
CPP_SUFFIXES = {".cc", ".h"}
VENDORED = ("protos/google/",)

LINES_WARN = 500
LINES_FAIL = 600
# Files that may be longer, each with its reason.
LONG_FILES = {
    # One message with an arm for each operation: split, it would not be one.
    "protos/mmfault/v1/step.proto",
}
BYTES_FAIL = 1 << 20

ALLOW = re.compile(r"tidy: allow\(([a-z]+): \S.*\)")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b")
GOOD_TODO = re.compile(r"\bTODO\([a-z][\w.-]*\): \S")
# Written in pieces, or this file would report itself.
MACHINE_PATHS = re.compile(
    r"(?<![\w.$}~/-])(/(work|home|root|Users)/\w|\.\./" + r"shared\b)")

# Applied to code with comments and string literals removed.
BANS = [
    (re.compile(r"\bstd::(jthread|thread|async)\b"),
     "threads: a world runs on one"),
    (re.compile(r"\bstd::random_device\b"), "a random seed comes from outside"),
    (re.compile(r"\bstd::\w+_distribution\b"),
     "differs by library: use base/prng.h"),
    (re.compile(r"\bstd::(mt19937(_64)?|default_random_engine)\b"),
     "use base/prng.h"),
    (re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)\b"),
     "wall clocks: use the world's virtual clock"),
    (re.compile(r"\babsl::(Now|GetCurrentTimeNanos)\b"),
     "wall clocks: use the world's virtual clock"),
    (re.compile(r"(?<![\w.>])(gettimeofday|clock_gettime|rand|srand)\s*\("),
     "wall clocks and libc's random numbers"),
    (re.compile(r"\bstd::unordered_\w+\b|\babsl::(flat|node)_hash_\w+\b"),
     "hash maps: their order differs by process and library"),
    (re.compile(r"\bstd::(multi)?(map|set)<\s*(const\s+)?[\w:]+\s*\*"),
     "pointers as keys: their order differs by run"),
]


@dataclasses.dataclass(frozen=True)
class Finding:
    path: str
    line: int
    check: str
    message: str
    is_error: bool = True

    def __str__(self):
        kind = "" if self.is_error else "warning: "
        return f"{self.path}:{self.line}: {kind}{self.check}: {self.message}"


def list_files(root):
    """What git would commit, or every file where there is no git."""
    try:
        out = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files",
             "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True).stdout.decode()
        names = [name for name in out.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = list(walk(root))
    return sorted(n for n in set(names) if (root / n).is_file())


def walk(root):
    skipped = {".git", "build", "node_modules", "__pycache__", ".cache"}
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [s for s in subfolders if s not in skipped]
        for file in files:
            yield str((pathlib.Path(folder) / file).relative_to(root))


def is_source(name):
    path = pathlib.PurePosixPath(name)
    return path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES


def strip_code(text):
    """Blanks comments and literals of C++, keeping the line structure."""
    pattern = re.compile(
        r'R"\((?:.|\n)*?\)"|//[^\n]*|/\*(?:.|\n)*?\*/'
        r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'")
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def is_allowed(lines, index, check):
    for line in lines[max(0, index - 1):index + 1]:
        match = ALLOW.search(line)
        if match and match.group(1) == check:
            return True
    return False


def layer_of(name):
    """The layer of a path in server/, 'faults', 'testing' or None."""
    parts = name.split("/")
    if parts[0] == "faults":
        return "faults"
    if parts[0] == "server" and len(parts) > 2:
        return parts[1]
    return None


def is_proto(target):
    return target.endswith((".pb.h", ".pb.cc"))


def layering_error(source, target):
    """Why `source` may not include `target`, or None."""
    layer = layer_of(source)
    if source.startswith("clients/"):
        return client_layering_error(source, target)
    if layer is None:
        return None
    if target.startswith(("clients/", "tests/")):
        return f"{layer} may not depend on {target.split('/')[0]}/"
    if is_proto(target):
        if layer in PROTOS_FROM:
            return None
        return f"{layer} may not see protobuf"
    other = layer_of(target)
    if other is None or other == layer:
        return None
    if layer == "faults":
        return "faults knows nothing of server/"
    if other == "faults":
        below = layer in LAYERS[:LAYERS.index(FAULTS_FROM)]
        return f"{layer} is below the users of faults" if below else None
    return server_layering_error(layer, other)


def server_layering_error(layer, other):
    known = LAYERS + ["testing"]
    if layer not in known or other not in known:
        return f"{layer if layer not in known else other} is not a layer"
    if other == "testing":
        return "nothing in server/ may depend on testing"
    if layer == "testing":
        layer = TESTING_ABOVE
    if LAYERS.index(other) > LAYERS.index(layer):
        return f"{layer} may not include {other}, which is above it"
    return None


def client_layering_error(source, target):
    if target.startswith("tests/"):
        return "clients may not depend on tests/"
    if target.startswith(("server/", "faults/")):
        if source.startswith("clients/cli/") and \
                target.startswith(("server/main/", "server/report/")):
            return None
        # The engine in somebody's test: all of it but what serves RPCs.
        if source.startswith("clients/testing/") and \
                not target.startswith(("server/api/", "server/main/")):
            return None
        return ("clients depend on protos only "
                "(clients/cli: and server/main, server/report)")
    return None


def check_layering(name, lines):
    for index, line in enumerate(lines):
        match = INCLUDE.match(line)
        if not match:
            continue
        error = layering_error(name, match.group(1))
        if error and not is_allowed(lines, index, "layering"):
            yield Finding(name, index + 1, "layering", error)


def check_determinism(name, text, lines):
    layer = layer_of(name)
    if layer not in DETERMINISTIC and layer != "faults":
        return
    for index, line in enumerate(strip_code(text).split("\n")):
        for pattern, why in BANS:
            if pattern.search(line) and \
                    not is_allowed(lines, index, "determinism"):
                yield Finding(name, index + 1, "determinism", why)


def check_license(name, lines):
    head = "\n".join(lines[:6])
    if not re.search(r"Copyright 20\d\d The mmfault Authors", head) or \
            "SPDX-License-Identifier: Apache-2.0" not in head:
        yield Finding(name, 1, "license", "the two header lines are missing")


def check_size(name, lines):
    count = len(lines)
    if count <= LINES_WARN or name in LONG_FILES:
        return
    yield Finding(name, 1, "size", f"{count} lines: split it by behaviour",
                  is_error=count > LINES_FAIL)


def check_words(name, lines):
    for index, line in enumerate(lines):
        if MACHINE_PATHS.search(line) and \
                not is_allowed(lines, index, "paths"):
            yield Finding(name, index + 1, "paths", "a path of one machine")
        if TODO.search(line) and not GOOD_TODO.search(line) and \
                not is_allowed(lines, index, "todo"):
            yield Finding(name, index + 1, "todo",
                          "write `TODO(name): outcome wanted, issue`")


def check_file(root, name):
    path = root / name
    if path.stat().st_size > BYTES_FAIL:
        yield Finding(name, 1, "size", "over 1 MiB")
        return
    if name.startswith(VENDORED):
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # Binary: a trace, a picture.
    lines = text.splitlines()
    if not name.startswith("tests/tidy/"):  # They quote what they refuse.
        yield from check_words(name, lines)
    if not is_source(name):
        return
    yield from check_license(name, lines)
    yield from check_size(name, lines)
    if path.suffix in CPP_SUFFIXES:
        yield from check_layering(name, lines)
        yield from check_determinism(name, text, lines)


def units_without_test(names):
    """The .cc files of server/ and faults/ with no tests/unit/ twin."""
    tests = {n for n in names if n.startswith("tests/unit/")}
    missing = []
    for name in names:
        if layer_of(name) is None or not name.endswith(".cc"):
            continue
        mirrored = name.removeprefix("server/").removesuffix(".cc")
        if f"tests/unit/{mirrored}_test.cc" not in tests:
            missing.append(name)
    return missing


def check_tree(root):
    """Findings of the whole tree, and the units without a test."""
    names = list_files(root)
    findings = [f for name in names for f in check_file(root, name)]
    return findings, units_without_test(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--list-twins", action="store_true",
                        help="name every unit that has no test of its own")
    args = parser.parse_args()
    findings, untested = check_tree(args.root)
    for finding in findings:
        print(finding)
    if args.list_twins:
        print("\n".join(untested))
    errors = sum(f.is_error for f in findings)
    print(f"tidy: {errors} errors, {len(findings) - errors} warnings, "
          f"{len(untested)} units without a test of their own name")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
