#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh FOLDER: the documentation as a site in FOLDER/html. Fails where Doxygen warns.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
if ! command -v doxygen > /dev/null; then
    echo "SKIPPED: there is no doxygen"
    exit 77
fi
{
    cat docs/Doxyfile
    echo "OUTPUT_DIRECTORY = \"$folder\""
    echo "WARN_LOGFILE = \"$folder/warnings\""
} | doxygen -
cat "$folder/warnings"
[ ! -s "$folder/warnings" ]
