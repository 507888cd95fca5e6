#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the text that the hybrid model trains on from Debian's package linux-source-6.1.

Every .c and .h file below ten folders of the kernel, in the order of their paths' bytes, one after the
other: 105,617,090 bytes, checked against a sha256. The text is GPL-2.0 and stays out of the repository.

usage: linux_corpus.py OUTPUT [--package FILE.deb] [--compressed]
"""
import argparse
import hashlib
import lzma
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "linux-source-6.1"
VERSION = "6.1.192-2"
FOLDERS = {"kernel", "mm", "lib", "net", "fs", "block", "crypto", "ipc", "security", "init"}
SHA256 = "a7d257401620ba7174ed667dfab571f08f72a50abd9b85f13ad894edaa6beef5"


def download(folder):
    """Fetches the package with apt-get, which checks Debian's signature of it."""
    if not shutil.which("apt-get"):
        sys.exit(f"there is no apt-get here: fetch {PACKAGE} {VERSION} by other means and name it with --package")
    done = subprocess.run(["apt-get", "download", f"{PACKAGE}={VERSION}"], cwd=folder, stdout=subprocess.DEVNULL)
    found = list(pathlib.Path(folder).glob("*.deb"))
    if done.returncode or not found:
        sys.exit(f"apt-get has no {PACKAGE} {VERSION} (any more): snapshot.debian.org keeps it; name it with --package")
    return found[0]


def text_of(package):
    """The files' bytes, one after the other."""
    if not shutil.which("dpkg-deb"):
        sys.exit("there is no dpkg-deb here, which unpacks the package")
    files = {}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as unpacker:
        with tarfile.open(fileobj=unpacker.stdout, mode="r|") as outer:
            for member in outer:
                if not member.name.endswith(f"/{PACKAGE}.tar.xz"):
                    continue
                with tarfile.open(fileobj=outer.extractfile(member), mode="r|xz") as sources:
                    for source in sources:
                        parts = source.name.split("/")[1:]
                        if source.isfile() and len(parts) > 1 and parts[0] in FOLDERS and source.name.endswith((".c", ".h")):
                            files["/".join(parts)] = sources.extractfile(source).read()
    return b"".join(files[path] for path in sorted(files, key=str.encode))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--package", type=pathlib.Path, help=f"{PACKAGE}_{VERSION}_all.deb, if it is here already")
    parser.add_argument("--compressed", action="store_true", help="write xz (17 MB), which train_hybrid.py reads as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = text_of(arguments.package or download(folder))
    found = hashlib.sha256(text).hexdigest()
    if found != SHA256:
        sys.exit(f"the text has sha256 {found}, not {SHA256}: is the package {PACKAGE} {VERSION}?")
    arguments.output.write_bytes(lzma.compress(text, preset=9) if arguments.compressed else text)
    print(f"{arguments.output}: {len(text)} bytes of text, sha256 as pinned")


if __name__ == "__main__":
    main()
