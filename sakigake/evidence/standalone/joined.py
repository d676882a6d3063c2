"""Joining the parts into verify.py: one file with their text as it stands, imports gathered on top.

The parts are ordinary modules that import each other by name. Joined they share one namespace, so a part defines no
name of another and imports only what an earlier one defines; `join` refuses anything else. Standard library only, so
that a bare checkout is enough to make the file.
"""

import ast
import sys
from collections.abc import Iterable
from importlib.resources import files

PACKAGE = "sakigake.evidence.standalone"
PARTS = (
    "rules",
    "files",
    "entries",
    "tree",
    "notes",
    "rotation",
    "listing",
    "der",
    "certificates",
    "cms",
    "stamps",
    "times",
    "blocks",
    "contents",
    "finding",
    "kept",
    "seen",
    "whole",
    "wording",
    "main",
)
WIDTH = 110
# Before the other imports: what this computer lacks is said in a sentence. Any Python from 3.8 on reads it.
FIRST = """import sys

if sys.version_info < (3, 11):
    sys.stderr.write("verify.py needs Python 3.11 or newer. / Python 3.11 以降が必要です。\\n")
    sys.exit(2)
try:
    if not hasattr(__import__("cryptography.x509").x509.Certificate, "not_valid_before_utc"):
        raise ImportError
except ImportError:
    sys.stderr.write("verify.py needs the package cryptography, 42 or newer. / cryptography 42 以降が必要です。\\n")
    sys.stderr.write("    python -m pip install --upgrade cryptography\\n")
    sys.exit(2)
"""
START = 'if __name__ == "__main__":\n    sys.exit(main())\n'


def joined() -> bytes:
    """Return verify.py of this version, the same bytes on every system."""
    folder = files(PACKAGE)
    head, *parts = (
        folder.joinpath(f"{name}.py").read_text(encoding="utf-8").replace("\r\n", "\n")
        for name in ("__init__", *PARTS)
    )
    return join(head, dict(zip(PARTS, parts, strict=True))).encode()


def join(head: str, parts: dict[str, str]) -> str:
    """Return the one text of `parts` (name to source, in order) under the docstring of `head`.

    Raises ValueError for what would mean something else in one namespace than in several.
    """
    whole: set[str] = {"import sys"}
    chosen: dict[str, set[str]] = {}
    defined: dict[str, str] = {}
    sections = []
    for name, text in parts.items():
        tree = ast.parse(text)
        title, imports, start = _opening(tree, name)
        for node in imports:
            _gather(node, name, whole, chosen, defined)
        for known in sorted(_defined_by(tree)):
            if known in defined:
                raise ValueError(f"{name}: {known} is defined in {defined[known]} already")
            defined[known] = name
        rest = "".join(text.splitlines(keepends=True)[start:]).strip("\n")
        sections.append(f"# ---- {title} ".ljust(WIDTH, "-") + f"\n\n\n{rest}\n")
    doc = ast.get_docstring(ast.parse(head), clean=False)
    return "\n\n".join([f'"""{doc}"""\n\n{FIRST}\n{_imports(whole, chosen)}', *sections, START])


def _opening(tree: ast.Module, name: str) -> tuple[str, list[ast.Import | ast.ImportFrom], int]:
    """Return the first line of a part's docstring, its imports and the number of lines that both take."""
    doc = ast.get_docstring(tree)
    if not doc:
        raise ValueError(f"{name}: a part says in its docstring what it is")
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if list(tree.body[1 : 1 + len(imports)]) != imports:
        raise ValueError(f"{name}: imports stand on top")
    return doc.splitlines()[0].rstrip("."), imports, tree.body[len(imports)].end_lineno or 0


def _gather(
    node: ast.Import | ast.ImportFrom,
    name: str,
    whole: set[str],
    chosen: dict[str, set[str]],
    defined: dict[str, str],
) -> None:
    """Sort one import into those of modules, those of names and those of other parts, which need none."""
    if any(alias.asname for alias in node.names):
        raise ValueError(f"{name}: another name for an import would be lost")
    names = {alias.name for alias in node.names}
    if isinstance(node, ast.Import):
        whole |= {f"import {each}" for each in names}
        return
    module = node.module or ""
    if not module.startswith(f"{PACKAGE}."):
        chosen.setdefault(module, set()).update(names)
    elif any(defined.get(each) != module.removeprefix(f"{PACKAGE}.") for each in names):
        raise ValueError(f"{name}: imports from {module} what no earlier part defines")


def _defined_by(tree: ast.Module) -> set[str]:
    """Return the names that a part defines at its top level."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Try):
            # Of an assignment the left side: names inside a comprehension are its own.
            places = node.targets if isinstance(node, ast.Assign) else [node]
            stores = (each for place in places for each in ast.walk(place) if isinstance(each, ast.Name))
            found |= {each.id for each in stores if isinstance(each.ctx, ast.Store)}
    return found


def _imports(whole: set[str], chosen: dict[str, set[str]]) -> str:
    """Return the imports as the project's own files have them: standard library first, modules before names."""
    lines = {*whole, *(f"from {module} import {_listed(names)}" for module, names in chosen.items())}
    return "\n\n".join("\n".join(block) for block in _blocks(lines) if block)


def _blocks(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    ordered = sorted(lines, key=lambda line: (line.startswith("from"), line.split()[1]))
    own = [line.split()[1].split(".")[0] in sys.stdlib_module_names for line in ordered]
    return (
        [line for line, standard in zip(ordered, own, strict=True) if standard],
        [line for line, standard in zip(ordered, own, strict=True) if not standard],
    )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name)))
