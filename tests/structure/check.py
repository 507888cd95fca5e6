#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of the tree that no compiler checks.

check.py ROOT          reports each violation as FILE:LINE: [rule] what; exit 1 if there is any
check.py --self-test   breaks each rule in a small tree of its own and checks that it is reported
"""
import collections
import os
import pathlib
import re
import sys
import tempfile

Level = collections.namedtuple("Level", "number group is_policy is_view")

# Folder below include/nibble -> layer. A header sees its own layer and lower ones; policies and views,
# both layer 4, do not see each other.
FOLDERS = {
    "detail": Level(0, "detail", False, False),
    "format": Level(1, "format", False, False),
    "arch": Level(2, "arch", False, False),
    "random": Level(4, "random", True, False),
    "rounding": Level(4, "rounding", True, False),
    "scaling": Level(4, "scaling", True, False),
    "transform": Level(4, "transform", True, False),
    "tensor_scale": Level(4, "tensor_scale", True, False),
    "correction": Level(4, "correction", True, False),
    "gradient": Level(4, "gradient", True, False),
    "layout": Level(4, "layout", False, True),
    "view": Level(4, "view", False, True),
    "mma": Level(6, "mma", False, False),
    "device": Level(6, "device", False, False),
    "cublas": Level(6, "cublas", False, False),
    "interop": Level(6, "interop", False, False),
    "recipes": Level(6, "recipes", False, False),
}
# Headers directly in include/nibble that are not vocabulary types (layer 3).
FILES = {
    "view": Level(4, "view", False, True),
    "part": Level(4, "view", False, True),
    "grouped_view": Level(4, "view", False, True),
    "grouped_columns_view": Level(4, "view", False, True),
    "quantizer": Level(5, "quantizer", False, False),
    "nibble.hpp": Level(5, "umbrella", False, False),
    "matrix": Level(6, "umbrella", False, False),
    "nibble.cuh": Level(6, "umbrella", False, False),
    "quantize": Level(6, "matrix", False, False),
    "epilogue": Level(6, "matrix", False, False),
    "quantize_both": Level(6, "matrix", False, False),
    "dequantize": Level(6, "matrix", False, False),
    "matmul": Level(6, "matrix", False, False),
    "linear": Level(6, "matrix", False, False),
    "recipe": Level(6, "matrix", False, False),
    "precision_plan": Level(6, "matrix", False, False),
    "layer_key": Level(6, "matrix", False, False),
    "mean_split": Level(6, "matrix", False, False),
    "hot_channels": Level(6, "matrix", False, False),
    "metrics": Level(6, "matrix", False, False),
    "io": Level(6, "matrix", False, False),
    "matrix_io": Level(6, "matrix", False, False),
    "quantized_matrix": Level(6, "matrix", False, False),
    "threads": Level(6, "matrix", False, False),
    "transpose": Level(6, "matrix", False, False),
    "requantize": Level(6, "matrix", False, False),
    "swizzle": Level(6, "matrix", False, False),
}
VOCABULARY = Level(3, "types", False, False)

# What layers 0 to 5 may include from the standard library.
STANDARD_HEADERS = {"cstdint", "cstddef", "concepts", "compare", "limits", "type_traits"}
STANDARD_EXTRA = {"hash.hpp": {"functional"}}
MAY_SEE_RANDOM = {"rounding/stochastic.hpp", "rounding/hardware_stochastic.hpp",
                  "transform/random_hadamard.hpp", "correction/eden.hpp"}
ASSEMBLY = {"arch/ptx.cuh", "arch/arithmetic.hpp"}
ARCHITECTURE = {"arch/features.hpp"}
MAX_LINES = 250
MAX_STEP_LINES = 60  # of an example on the ladder
MAY_BE_LONG = {"arch/ptx.cuh"}  # one function an instruction
# Where the version of detail/config.hpp stands once more.
VERSION_PLACES = {
    "CITATION.cff": r"^version: (\S+)$",
    "CHANGELOG.md": r"^## (\d+\.\d+\.\d+)",
    "packaging/vcpkg/ports/nibble/vcpkg.json": r'"version-semver": "([^"]+)"',
}

SOURCES = ("*.hpp", "*.cuh", "*.cppm", "*.cpp", "*.cu", "*.py", "*.cmake", "CMakeLists.txt")
SOURCE_FOLDERS = ("include", "tests", "bench", "examples", "cmake", "packaging", "docs")
SPDX = "SPDX-License-Identifier: Apache-2.0"
LARGEST = 1 << 20


def layer_of(header):
    """The layer of a header, given its path below include/nibble; None for an unknown folder."""
    header = pathlib.PurePosixPath(header)
    if str(header).startswith("detail/host_"):
        return Level(6, "detail", False, False)  # what whole-matrix functions share, of no use to others
    if len(header.parts) > 1:
        return FOLDERS.get(header.parts[0])
    return FILES.get(header.name) or FILES.get(header.stem) or VOCABULARY


def includes_of(text):
    """(line number, included name) of each include directive."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1)


def needs_of(header, include):
    """What a header needs beyond the compiler, itself or through nibble's other headers: a set of "CCCL"
    and "CUDA headers". What is included under an #if is taken to be optional."""
    queue, seen, needs = [header], set(), set()
    while queue:
        path = queue.pop()
        if path in seen or not path.exists():
            continue
        seen.add(path)
        depth = 0
        for line in path.read_text().splitlines():
            directive = re.match(r'\s*#\s*(include|if|endif)\w*\s*(?:[<"]([^>"]+))?', line)
            if not directive:
                continue
            kind, name = directive.groups()
            if kind != "include":
                depth += 1 if kind == "if" else -1
            elif depth == 0 and name.startswith(("cuda/", "cub/", "thrust/")):
                needs.add("CCCL")
            elif depth == 0 and re.fullmatch(r"(cuda_|curand|cublas|nvrtc)\w*\.h", name):
                needs.add("CUDA headers")
            elif depth == 0:
                queue.append(include / name)
    return needs


def code_of(text):
    """The text without comments and the contents of strings; line numbers stay."""
    def blank(match):
        found = match.group(0)
        if found.startswith(("/*", "//")):
            return "\n" * found.count("\n")
        return found[0] + found[-1]
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
                  blank, text, flags=re.DOTALL)


def check_includes(header, text):
    level = layer_of(header)
    if level is None:
        yield 1, "layer", "is in a folder that has no layer: name it in the table of tests/structure/check.py"
        return
    for line, name in includes_of(text):
        if not name.startswith("nibble/"):
            lean = level.number <= 5 and not level.is_view
            standard = re.fullmatch(r"[a-z_]+", name)
            allowed = STANDARD_HEADERS | STANDARD_EXTRA.get(header, set())
            if lean and standard and name not in allowed:
                yield line, "standard", f"layers 0 to 5 do not include <{name}>"
            continue
        other_path = name.removeprefix("nibble/")
        other = layer_of(other_path)
        if other is None:
            continue  # reported where that header stands
        if other.number > level.number:
            yield line, "layer", f"layer {level.number} includes {name} of layer {other.number}"
        elif level.is_policy and other.is_view or level.is_view and other.is_policy:
            yield line, "layer", f"policies and views do not see each other: {name}"
        elif level.number == 5 and level.group == "quantizer" and other.is_view:
            yield line, "layer", f"the quantizer does not see views: {name}"
        elif (other.group == "random" and level.number <= 4 and level.group != "random"
              and header not in MAY_SEE_RANDOM):
            yield line, "random", f"only {' and '.join(sorted(MAY_SEE_RANDOM))} sees random/: {name}"


def check_header(header, text):
    yield from check_includes(header, text)
    for number, line in enumerate(code_of(text).splitlines(), 1):
        if re.search(r"\b(asm|__asm|__asm__)\b", line) and header not in ASSEMBLY:
            yield number, "asm", f"assembly stands in {' and '.join(sorted(ASSEMBLY))} only"
        if re.search(r"__CUDA_ARCH", line) and header not in ARCHITECTURE:
            yield number, "arch", f"architecture macros are read in {', '.join(ARCHITECTURE)} only"
        macro = re.match(r"\s*#\s*define\s+(\w+)", line)
        if macro and not macro.group(1).startswith("NIBBLE_"):
            yield number, "macro", f"macro {macro.group(1)} does not begin with NIBBLE_"
    lines = text.count("\n")
    if lines > MAX_LINES and header not in MAY_BE_LONG:
        yield lines, "length", f"{lines} lines; a header has {MAX_LINES} at most"
    if not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield 1, "once", "has no #pragma once"


def check_tests(root, header):
    if header in ("nibble.hpp", "nibble.cuh"):
        return  # the umbrellas are includes only; headers.py compiles them
    stem = str(pathlib.PurePosixPath(header).with_suffix(""))
    if not any((root / "tests" / f"{stem}_test{suffix}").exists() for suffix in (".cpp", ".cu")):
        yield 1, "test", f"has no test tests/{stem}_test.cpp (or .cu)"


def shown_part(text):
    """The part of an example that the README shows: between the markers, or all but the licence line."""
    found = re.search(r"^[ \t]*// \[readme\]\n(.*?)^[ \t]*// \[/readme\]$", text, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else text


def check_document(root, document):
    """The C++ of a document stands in a file that is built and run."""
    if not document.exists():
        return
    text = document.read_text()
    pattern = r"<!-- ((?:examples|bench|tests)/\S+) -->\n```[^\n]*\n(.*?)^```$"
    for block in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, block.start()) + 1
        source = root / block.group(1)
        if not source.exists():
            yield line, "readme", f"shows {block.group(1)}, which does not exist"
        elif shown_part(source.read_text()).strip() != block.group(2).strip():
            yield line, "readme", f"the block is not the text of {block.group(1)}"
    marked = len(re.findall(r"<!-- (?:examples|bench|tests)/\S+ -->", text))
    if marked != len(re.findall(pattern, text, re.DOTALL | re.MULTILINE)):
        yield 1, "readme", "a file marker without a code block right below it"
    for block in re.finditer(r"(?:^|\n)([^\n]*)\n```(?:cpp|c\+\+|cuda)\n", text):
        if not block.group(1).startswith("<!-- "):
            line = text.count("\n", 0, block.end()) + 1
            yield line, "readme", "C++ code without a marker <!-- examples/FILE --> above it"


def check_ladder(root):
    """The numbered examples of examples/README.md: there, short, and ending with what they print."""
    ladder = root / "examples/README.md"
    if not ladder.exists():
        return
    for number, line in enumerate(ladder.read_text().splitlines(), 1):
        step = re.match(r"\d+\. .*\((\S+\.(?:cpp|cu))\)$", line)
        if not step:
            continue
        source = root / "examples" / step.group(1)
        lines = source.read_text().splitlines() if source.exists() else []
        if not lines:
            yield number, "ladder", f"{step.group(1)} does not exist"
        elif len(lines) > MAX_STEP_LINES:
            yield number, "ladder", f"{step.group(1)} has {len(lines)} lines; a step has {MAX_STEP_LINES} at most"
        elif not lines[-1].startswith("//"):
            yield number, "ladder", f"{step.group(1)} does not end with what it prints"


def check_version(root):
    config = root / "include/nibble/detail/config.hpp"
    version = ".".join(re.findall(r"#define NIBBLE_VERSION_[A-Z]+ (\d+)", config.read_text()))
    for name, pattern in VERSION_PLACES.items():
        found = re.search(pattern, (root / name).read_text(), re.MULTILINE) if (root / name).exists() else None
        if not found or found.group(1) != version:
            yield name, 1, "version", f"does not name {version}, the version of detail/config.hpp"


def sources_of(root):
    for folder in SOURCE_FOLDERS:
        for pattern in SOURCES:
            yield from (p for p in (root / folder).rglob(pattern) if "build" not in p.relative_to(root).parts)
    for name in ("CMakeLists.txt", "run", ".ci/run"):
        if (root / name).exists():
            yield root / name


def large_files(root):
    """Files too large to be anybody's text: what a compiler made, say. Folders of builds are left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ("build", "lib") and not name.startswith(".")]
        yield from (path for path in (pathlib.Path(folder, name) for name in names)
                    if path.is_file() and path.stat().st_size > LARGEST)


def violations(root):
    """Every violation below root, as (path, line, rule, text)."""
    include = root / "include" / "nibble"
    for suffix in (".hpp", ".cuh"):
        for path in sorted(include.rglob(f"*{suffix}")):
            header = path.relative_to(include).as_posix()
            name = path.relative_to(root).as_posix()
            for line, rule, text in check_header(header, path.read_text()):
                yield name, line, rule, text
            for line, rule, text in check_tests(root, header):
                yield name, line, rule, text
    for path in sorted(set(sources_of(root))):
        first = path.read_text().split("\n", 2)[:2]
        if not any(SPDX in line for line in first):
            yield path.relative_to(root).as_posix(), 1, "spdx", f"does not begin with {SPDX}"
        # doctest_discover_tests makes two tests of such a name, and neither runs anything.
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r'\bTEST_CASE\w*\("[^"]*;', line):
                yield path.relative_to(root).as_posix(), number, "name", "a test's name has a semicolon"
    for document in [root / "README.md", *sorted(root.glob("docs/*.md")), *root.glob("examples/**/*.md")]:
        for line, rule, text in check_document(root, document):
            yield document.relative_to(root).as_posix(), line, rule, text
    for line, rule, text in check_ladder(root):
        yield "examples/README.md", line, rule, text
    yield from check_version(root)
    for path in large_files(root):
        yield path.relative_to(root).as_posix(), 1, "large", f"has {path.stat().st_size} bytes, more than {LARGEST}"


# --- self-test ------------------------------------------------------------------------------------

HEAD = f"// {SPDX}\n// A header of the self-test.\n#pragma once\n"
CLEAN = {
    "include/nibble/nibble.hpp": HEAD + "#include <nibble/quantizer.hpp>\n",
    "include/nibble/detail/config.hpp": HEAD + "#define NIBBLE_VERSION_MAJOR 1\n#define NIBBLE_VERSION_MINOR 2\n#define NIBBLE_VERSION_PATCH 0\n",
    "include/nibble/detail/bits.hpp": HEAD,
    "include/nibble/format/decode.hpp": HEAD + "#include <cstdint>\n#include <nibble/detail/config.hpp>\n",
    "include/nibble/arch/features.hpp": HEAD + "#if defined(__CUDA_ARCH__)\n#endif\n",
    "include/nibble/arch/ptx.cuh": HEAD + "inline void f() { asm volatile(\"\"); }\n",
    "include/nibble/arch/arithmetic.hpp": HEAD + "// asm and __CUDA_ARCH__ may be named in comments\n",
    "include/nibble/fp4_e2m1.hpp": HEAD + "#include <nibble/format/decode.hpp>\nconstexpr int n = 1'000;\n",
    "include/nibble/random/philox.hpp": HEAD,
    "include/nibble/rounding/stochastic.hpp": HEAD + "#include <nibble/random/philox.hpp>\n",
    "include/nibble/scaling/amax.hpp": HEAD + "#include <nibble/fp4_e2m1.hpp>\n",
    "include/nibble/view.hpp": HEAD + "#include <nibble/fp4_e2m1.hpp>\n#include <cuda/std/mdspan>\n",
    "include/nibble/quantizer.hpp": HEAD + "#include <nibble/scaling/amax.hpp>\n",
    "include/nibble/quantize.hpp": HEAD + "#include <nibble/quantizer.hpp>\n#include <vector>\n",
    "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.0\n",
    "CHANGELOG.md": "# C\n\n## 1.2.0\n\n## 1.1.0\n",
    "packaging/vcpkg/ports/nibble/vcpkg.json": '{ "version-semver": "1.2.0" }',
    "examples/one.cpp": f"// {SPDX}\n// [readme]\nint x;\n// [/readme]\n",
    "README.md": "# n\n\n<!-- examples/one.cpp -->\n```cpp\nint x;\n```\n",
}
for path in [p for p in CLEAN if p.startswith("include/") and "nibble.hpp" not in p]:
    test = path.replace("include/nibble/", "tests/").rsplit(".", 1)[0] + "_test.cpp"
    CLEAN[test] = f"// {SPDX}\n"

# rule -> the trees that break it: {file: its new text, or None to remove it}
BROKEN = [
    ("layer", {"include/nibble/format/decode.hpp": HEAD + "#include <nibble/fp4_e2m1.hpp>\n"}),
    ("layer", {"include/nibble/detail/bits.hpp": HEAD + "#include <nibble/format/decode.hpp>\n"}),
    ("layer", {"include/nibble/scaling/amax.hpp": HEAD + "#include <nibble/view.hpp>\n"}),
    ("layer", {"include/nibble/view.hpp": HEAD + "#include <nibble/scaling/amax.hpp>\n"}),
    ("layer", {"include/nibble/scaling/amax.hpp": HEAD + "#include <nibble/quantizer.hpp>\n"}),
    ("layer", {"include/nibble/quantizer.hpp": HEAD + "#  include \"nibble/view.hpp\"\n"}),
    ("layer", {"include/nibble/nibble.hpp": HEAD + "#include <nibble/quantize.hpp>\n"}),
    ("layer", {"include/nibble/other/thing.hpp": HEAD, "tests/other/thing_test.cpp": f"// {SPDX}\n"}),
    ("standard", {"include/nibble/fp4_e2m1.hpp": HEAD + "#include <vector>\n"}),
    ("random", {"include/nibble/scaling/amax.hpp": HEAD + "#include <nibble/random/philox.hpp>\n"}),
    ("asm", {"include/nibble/fp4_e2m1.hpp": HEAD + "inline void f() { asm(\"\"); }\n"}),
    ("asm", {"include/nibble/fp4_e2m1.hpp": HEAD + "inline void f() { __asm__ volatile(\"\"); }\n"}),
    ("arch", {"include/nibble/fp4_e2m1.hpp": HEAD + "#if __CUDA_ARCH__ >= 890\n#endif\n"}),
    ("arch", {"include/nibble/arch/ptx.cuh": HEAD + "#ifdef __CUDA_ARCH_FAMILY_SPECIFIC__\n#endif\n"}),
    ("macro", {"include/nibble/fp4_e2m1.hpp": HEAD + "#define HOST_DEVICE\n"}),
    ("length", {"include/nibble/fp4_e2m1.hpp": HEAD + "\n" * 250}),
    ("once", {"include/nibble/fp4_e2m1.hpp": HEAD.replace("#pragma once\n", "")}),
    ("test", {"tests/rounding/stochastic_test.cpp": None}),
    ("spdx", {"examples/one.cpp": "// [readme]\nint x;\n// [/readme]\n"}),
    ("spdx", {"cmake/some.cmake": "set(x 1)\n"}),
    ("readme", {"README.md": "<!-- examples/one.cpp -->\n```cpp\nint y;\n```\n"}),
    ("readme", {"README.md": "<!-- examples/two.cpp -->\n```cpp\nint x;\n```\n"}),
    ("readme", {"README.md": "<!-- examples/one.cpp -->\ntext\n"}),
    ("large", {"made.o": "x" * (LARGEST + 1)}),
    ("name", {"tests/format/decode_test.cpp": f'// {SPDX}\nTEST_CASE("one; two") {{}}\n'}),
    ("version", {"CITATION.cff": "cff-version: 1.2.0\nversion: 1.3.0\n"}),
    ("version", {"CHANGELOG.md": "# C\n"}),
    ("version", {"packaging/vcpkg/ports/nibble/vcpkg.json": None}),
    ("readme", {"README.md": "text\n```cpp\nint x;\n```\n"}),
    ("readme", {"docs/policies.md": "text\n```cpp\nint x;\n```\n"}),
    ("ladder", {"examples/README.md": "1. Two: [two.cpp](two.cpp)\n"}),
    ("ladder", {"examples/README.md": "1. One: [one.cpp](one.cpp)\n", "examples/one.cpp": f"// {SPDX}\nint x;\n", "README.md": "# n\n"}),
    ("ladder", {"examples/README.md": "1. One: [one.cpp](one.cpp)\n",
                "examples/one.cpp": f"// {SPDX}\n" + "int x;\n" * 60 + "// x\n", "README.md": "# n\n"}),
]


def rules_reported(changes):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**CLEAN, **changes}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        return {rule: what for _, _, rule, what in violations(root)}


def self_test():
    wrong = []
    clean = rules_reported({})
    if clean:
        wrong.append(f"the clean tree is reported: {clean}")
    for rule, changes in BROKEN:
        found = rules_reported(changes)
        if set(found) != {rule}:
            wrong.append(f"{rule}, broken by {changes}: reported {found}")
    for text in wrong:
        print(text)
    print(f"{len(BROKEN)} broken trees, {len(wrong)} not reported as they should be")
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(violations(pathlib.Path(sys.argv[1])))
    for name, line, rule, text in found:
        print(f"{name}:{line}: [{rule}] {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
