#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the software bill of materials of what is installed, as SPDX 2.3 in JSON.

sbom.py > nibble.spdx.json
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LICENSE = "Apache-2.0"
# What some headers use if the user has it: nothing of it is installed along.
OPTIONAL = [
    ("CCCL", "3.0 or later", "Apache-2.0 WITH LLVM-exception", "views and whole matrices"),
    ("cuda-toolkit", "13.0 or later", "LicenseRef-NVIDIA-CUDA-EULA", "device headers (.cuh) and cuBLASLt"),
]


def installed_files():
    patterns = ["include/**/*.hpp", "include/**/*.cuh", "include/**/*.cppm", "LICENSE",
                "cmake/nibble-cccl.cmake", "cmake/nibble-cublas.cmake", "cmake/nibble-cuda20.cmake",
                "cmake/nibble-config.cmake.in", "packaging/debuggers/nibble_gdb.py", "packaging/debuggers/nibble.natvis"]
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def version():
    text = (ROOT / "include/nibble/detail/config.hpp").read_text()
    return ".".join(re.findall(r"#define NIBBLE_VERSION_[A-Z]+ (\d+)", text))


def created():
    """The time of the commit, so that the same sources give the same bytes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        epoch = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True,
                               text=True).stdout.strip() or "0"
    return datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def identifier(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def file_entry(path):
    name = path.relative_to(ROOT).as_posix()
    data = path.read_bytes()
    found = re.search(rb"SPDX-License-Identifier: (\S+)", data)
    licence = found.group(1).decode() if found else LICENSE if name == "LICENSE" else None
    if licence is None:
        sys.exit(f"{name} names no licence")
    return {
        "SPDXID": identifier("File-" + name),
        "fileName": "./" + name,
        "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
                      {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()}],
        "licenseConcluded": licence,
        "licenseInfoInFiles": [licence],
        "copyrightText": "NOASSERTION",
    }


def bill():
    files = [file_entry(path) for path in installed_files()]
    # SPDX 2.3, 7.9: the SHA1 of the files' SHA1s, sorted and joined.
    joined = "".join(sorted(f["checksums"][0]["checksumValue"] for f in files))
    verification = hashlib.sha1(joined.encode()).hexdigest()
    package = {
        "SPDXID": "SPDXRef-nibble", "name": "nibble", "versionInfo": version(), "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True, "packageVerificationCode": {"packageVerificationCodeValue": verification},
        "licenseConcluded": LICENSE, "licenseDeclared": LICENSE, "licenseInfoFromFiles": [LICENSE],
        "copyrightText": "NOASSERTION", "primaryPackagePurpose": "LIBRARY",
    }
    others = [{
        "SPDXID": identifier(name), "name": name, "versionInfo": needed, "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": licence,
        "copyrightText": "NOASSERTION", "comment": f"for {use}; not installed along",
    } for name, needed, licence, use in OPTIONAL]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-nibble")]
    relations += [("SPDXRef-nibble", "CONTAINS", f["SPDXID"]) for f in files]
    relations += [(other["SPDXID"], "OPTIONAL_DEPENDENCY_OF", "SPDXRef-nibble") for other in others]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"nibble-{version()}",
        "documentNamespace": f"https://spdx.org/spdxdocs/nibble-{version()}-{verification}",
        "creationInfo": {"created": created(), "creators": ["Tool: nibble packaging/sbom.py"]},
        "packages": [package, *others],
        "files": files,
        "hasExtractedLicensingInfos": [{
            "licenseId": "LicenseRef-NVIDIA-CUDA-EULA", "name": "CUDA Toolkit End User License Agreement",
            "extractedText": "https://docs.nvidia.com/cuda/eula/",
        }],
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations],
    }


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)
    print()
