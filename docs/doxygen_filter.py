#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hands a header to Doxygen: the fields of a docstring as paragraphs with a title, a comment behind a
member as its documentation, and for a member without one what docs/names.md says of its name."""
import pathlib
import re
import sys

FIELDS = "shape|units|rule|errors|bits|source"
NAMES = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", (pathlib.Path(__file__).parent / "names.md").read_text(),
                        re.MULTILINE))
NO_NAME = {"requires", "noexcept", "decltype", "static_assert", "sizeof", "alignas", "explicit", "defined"}


def formatted(line):
    field = re.match(rf"(\s*///) ({FIELDS})\s{{2,}}(.*)", line)
    if field:
        return "{0} @par {1}\n{0} ".format(field[1], field[2]) + escaped(field[3])
    docstring = re.match(r"(\s*///)\s+(.*)", line)
    if docstring:
        return f"{docstring[1]} " + escaped(docstring[2])
    member = re.match(r"(\s*[^/\s}].*?)\s{2}// (.*)", line)
    if member and "///" not in line:
        return f"{member[1]}  ///< " + escaped(member[2])
    return line


def escaped(text):
    """Angle brackets, at signs and hashes are C++ here, never HTML or commands."""
    return re.sub(r"([<>@#])", r"\\\1", text)


def name_of(declaration):
    """The name that a member declaration gives, or None."""
    declaration = re.sub(r"\[\[[^\]]*\]\]|//.*", " ", declaration)
    alias = re.search(r"\busing (\w+)\s*=", declaration)
    if alias:
        return alias[1]
    if re.search(r"\bstatic_assert|\busing \w+::", declaration):
        return None
    declaration = re.sub(r"\btemplate\s*<[^{;]*?>\s*(?=(requires|NIBBLE_HD|friend|static|constexpr|__device__|void|"
                         r"explicit|auto|using|class|struct|\w+ \w+\())", " ", declaration)
    operator = re.search(r"\boperator\s*(\(\)|\[\]|[^\s(\w]+|\w+)", declaration)
    if operator:
        return "operator"
    while re.search(r"<[^<>]*>", declaration):  # template arguments hold no name
        declaration = re.sub(r"<[^<>]*>", " ", declaration)
    nested = re.match(r"\s*(?:template\s+)?(?:struct|class|enum class|enum)\s+(\w+)", declaration)
    if nested:
        return nested[1]
    value = re.match(r"[^(={\[]*?(\w+)\s*(\[[^\]]*\]\s*)*(=[^=]|\{)", declaration)
    if value:
        return value[1]
    for call in re.finditer(r"(~?\w+)\s*\(", declaration):
        if call[1] not in NO_NAME:
            return call[1]
    variable = re.search(r"(\w+)\s*(\[[^=]*\])?\s*(\{[^}]*\}?|=[^;]*)?;", declaration)
    return variable[1] if variable else None


def separate(line):
    """`int a, b;` as two lines, so that each can have its sentence."""
    several = re.match(r"(\s*(?:static )?(?:constexpr )?[\w:]+ )(\w+(?: = [^,;(]+)?(?:, \w+(?: = [^,;(]+)?)+);(.*)$", line)
    if not several or line.lstrip().startswith(("using ", "return ", "template ")):
        return [line]
    return [f"{several[1]}{each};{several[3]}" for each in several[2].split(", ")]


def of_site(text):
    """Markdown without links to what is not part of the site."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:|\w+\.md|docs/)[^)]*\)", r"\1", text).replace(")::", ")\\::")


def with_names(lines):
    """Puts the sentence of docs/names.md in front of undocumented members."""
    result, scopes, ended, documented = [], [], True, False
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        text = line.strip()
        if scopes and text.startswith("}") and indent == scopes[-1]:
            scopes.pop()
            ended, documented = True, False
        elif text.startswith(("///", "//")) or not text:
            documented = text.startswith("///") or (documented and bool(text))
        elif text.startswith("#"):
            documented = False
        elif scopes and indent == scopes[-1] + 2 and ended and text not in ("public:", "private:", "protected:"):
            joined = ""
            for following in lines[i:i + 8]:
                joined += " " + following.strip()
                if re.search(r"[;{]", re.sub(r"\{\}", "", following)):
                    break
            name = name_of(joined)
            if not documented and "///<" not in line and name in NAMES:
                result.append(" " * indent + "/// " + escaped(NAMES[name]))
            documented = False
            ended = bool(re.search(r"[;{}:,]$", re.sub(r"\s*//.*", "", text)))
        else:
            ended = bool(re.search(r"[;{}:]$", re.sub(r"\s*//.*", "", text)))
            documented = False
        if re.match(r"(struct|class|union)\b[^;]*$", text) or (
                re.match(r"(struct|class|union)\b.*\{$", text)):
            scopes.append(indent)
            ended = True
        result.append(line)
    return result


def main(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if path.endswith((".hpp", ".cuh")):
        # Doxygen knows no scope of specializations in other namespaces.
        text = re.sub(r"^(class|struct) (cuda::)?std::(\w+)<", r"\1 standard_\3<", text, flags=re.MULTILINE)
        lines = [each for line in text.split("\n") for each in separate(formatted(line))]
        text = "\n".join(with_names(lines))
    else:
        text = of_site(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
