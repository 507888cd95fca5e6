#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the library and compares what is there with the bill of materials of packaging/sbom.py.

sbom_test.py ROOT BUILD CMAKE
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

GENERATED = {"nibble-config.cmake", "nibble-config-version.cmake", "nibble-targets.cmake"}


def main():
    root, build, cmake = sys.argv[1:]
    made = subprocess.run([sys.executable, f"{root}/packaging/sbom.py"], capture_output=True, text=True, check=True)
    listed = {pathlib.Path(f["fileName"]).name if "/include/" not in f["fileName"] else f["fileName"][2:]:
              next(c["checksumValue"] for c in f["checksums"] if c["algorithm"] == "SHA256")
              for f in json.loads(made.stdout)["files"]}
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([cmake, "--install", build, "--prefix", folder], stdout=subprocess.DEVNULL, check=True)
        installed = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
        for path in installed:
            name = path.relative_to(folder).as_posix()
            name = name if name.startswith("include/") else path.name
            if name in GENERATED:
                continue
            if listed.pop(name, None) != hashlib.sha256(path.read_bytes()).hexdigest():
                wrong.append(f"{name}: installed and not listed, or not as listed")
    for name in set(listed) - {"LICENSE", "nibble-config.cmake.in"}:
        wrong.append(f"{name}: listed and not installed")
    print("\n".join(wrong) or f"{len(installed)} files installed, all in the bill of materials")
    return 1 if wrong or len(installed) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
