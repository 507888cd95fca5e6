#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the core as one header, for compiler explorers and for copying into a project.

amalgamate.py [HEADER...] > nibble.hpp     HEADER as in #include <HEADER>; default: nibble/nibble.hpp
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
DIRECTIVE = re.compile(r'\s*#\s*(include|if|endif|pragma once)\w*\s*(?:[<"]([^>"]+)[>"])?')


class Amalgamation:
    """The text so far, and under which condition (a stack of #if lines) each header went into it."""

    def __init__(self):
        self.lines = []
        self.emitted = {}

    def add(self, name, conditions=()):
        if name in self.emitted:
            if self.emitted[name] != conditions[:len(self.emitted[name])]:
                sys.exit(f"{name} is needed outside of {self.emitted[name]}, where it stands")
            return
        self.emitted[name] = conditions
        is_head = True
        for line in (INCLUDE / name).read_text().splitlines():
            found = DIRECTIVE.match(line)
            kind, target = found.groups() if found else (None, None)
            if kind == "if":
                conditions += (line.strip(),)
            elif kind == "endif":
                conditions = conditions[:-1]
            elif kind == "include" and target.startswith("nibble/"):
                self.add(target, conditions)
                continue
            elif kind == "pragma once" or (is_head and line.startswith("// SPDX")):
                continue
            if is_head and line.strip():
                self.lines.append(f"\n// ---- {name}")
                is_head = False
            self.lines.append(line)


def commit():
    described = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                               capture_output=True, text=True)
    return described.stdout.strip() or "an unknown commit"


def version():
    text = (INCLUDE / "nibble/detail/config.hpp").read_text()
    return ".".join(re.findall(r"#define NIBBLE_VERSION_[A-Z]+ (\d+)", text))


def main():
    headers = sys.argv[1:] or ["nibble/nibble.hpp"]
    result = Amalgamation()
    for header in headers:
        if not (INCLUDE / header).is_file():
            sys.exit(__doc__)
        result.add(header)
    print("// SPDX-License-Identifier: Apache-2.0")
    print(f"// nibble {version()} ({commit()}), {' and '.join(headers)} in one file.")
    print("// Made by packaging/amalgamate.py; change the headers that it is made of, not this.")
    print("#pragma once")
    text = "\n".join(result.lines)
    print(re.sub(r"\n{3,}", "\n\n", text))


if __name__ == "__main__":
    main()
