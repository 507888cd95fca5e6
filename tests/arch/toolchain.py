# SPDX-License-Identifier: Apache-2.0
"""nvcc and ptxas for the scripts of this folder, and how they end."""
import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
EVERY_INSTRUCTION = HERE / "every_instruction.cu"
EVERY_QUANTIZER = HERE / "every_quantizer.cu"


class Toolchain:
    """The compiler and the assembler of one CUDA Toolkit, writing into one folder."""

    def __init__(self, nvcc, include, folder):
        self.nvcc, self.include, self.folder = nvcc, include, pathlib.Path(folder)
        self.ptxas = str(pathlib.Path(nvcc).resolve().parent / "ptxas")
        self.known = {}  # a self-test asks the same again and again

    def release(self):
        text = subprocess.run([self.nvcc, "--version"], capture_output=True, text=True, check=True)
        found = re.search(r"release (\d+)\.(\d+)", text.stdout)
        return (int(found[1]), int(found[2]))

    def compile(self, source, target, *options):
        """The PTX of `source` for one target; an error of nvcc ends the script."""
        result = self.folder / f"{source.stem}_{target}.ptx"
        command = [self.nvcc, "-std=c++20", f"-I{self.include}", f"-arch=sm_{target}", "-ptx",
                   "-Werror", "all-warnings", *options, "-o", str(result), str(source)]
        if str(command) not in self.known:
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                sys.exit(f"{' '.join(command)}\n{run.stdout}{run.stderr}")
            self.known[str(command)] = result.read_text()
        return self.known[str(command)]

    def assemble(self, text, target):
        """None where ptxas takes the PTX for the target; otherwise what it says."""
        if (text, target) not in self.known:
            source = self.folder / "probe.ptx"
            source.write_text(text)
            result = self.folder / "probe.cubin"
            command = [self.ptxas, f"-arch=sm_{target}", "-o", str(result), str(source)]
            run = subprocess.run(command, capture_output=True, text=True)
            self.known[text, target] = None if run.returncode == 0 else run.stdout + run.stderr
        return self.known[text, target]


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--include", required=True)
    parser.add_argument("--self-test", action="store_true")
    return parser.parse_args()


def finish(checked, problems):
    """Prints what was found and ends the script."""
    for text in problems:
        print(f"FAILED: {text}")
    print(f"{checked - len(problems)} passed, {len(problems)} failed")
    sys.exit(1 if problems or not checked else 0)
