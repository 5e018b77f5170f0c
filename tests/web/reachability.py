"""Which definitions a definition uses, by name, across modules: enough of Python's rules for this program's style.

A node is `module:name`, for each name that a module defines at its top; a class is one node with its methods. Names are
followed through imports, also inside functions, through attributes of imported modules, and through constant names in
`importlib.import_module("…")`. What data decides, such as the values of a registry, is followed as if all were used.
"""

import ast
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Module:
    """The top-level definitions of one file, and what its names mean."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.tree = ast.parse(path.read_text())
        self.imported: dict[str, str] = {}
        self.defined: dict[str, ast.AST] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imported[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module:
                self.imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.defined[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    self.defined |= {name.id: node for name in ast.walk(target) if isinstance(name, ast.Name)}

    def uses(self, name: str) -> Iterator[str]:
        """What the definition of `name` uses, as dotted names: `av.open`, `vimix.media.decode.probe`."""
        for node in _used(self.defined[name]):
            if isinstance(node, ast.Name) and node.id in self.imported:
                yield self.imported[node.id]
            elif isinstance(node, ast.Name) and node.id in self.defined and node.id != name:
                yield f"{self.name}.{node.id}"
            elif isinstance(node, ast.Attribute) and (dotted := _dotted(node)):
                first, _, rest = dotted.partition(".")
                if first in self.imported:
                    yield f"{self.imported[first]}.{rest}"
            elif isinstance(node, ast.Call) and _dotted(node.func) == "importlib.import_module":
                yield from (str(given.value) for given in node.args if isinstance(given, ast.Constant))


def _used(node: ast.AST) -> Iterator[ast.AST]:
    """All below a definition but annotations, which nothing runs."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _used(child)


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


@lru_cache
def modules() -> Mapping[str, Module]:
    """All of `vimix`, by dotted name."""
    found = {}
    for path in (ROOT / "vimix").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = Module(name, path)
    return found


def node_of(dotted: str) -> str:
    """`vimix.a.b.C.method` as `vimix.a.b:C`; a name of another library, and a module by itself, as it is."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if (module := ".".join(parts[:length])) in modules():
            rest = parts[length:]
            if not rest:
                return module
            if rest[0] in modules()[module].imported and rest[0] not in modules()[module].defined:
                return node_of(".".join([modules()[module].imported[rest[0]], *rest[1:]]))
            return f"{module}:{rest[0]}"
    return dotted


def paths_to(
    is_end: Callable[[str], bool], starts: list[str], *, without: frozenset[str] = frozenset()
) -> dict[str, list[str]]:
    """The ends that are reached from `starts`, each with one shortest way there; nodes of `without` are not entered."""
    ways = {start: [start] for start in starts}
    waiting, ends = deque(starts), dict[str, list[str]]()
    while waiting:
        here = waiting.popleft()
        module, _, name = here.partition(":")
        if here in without or module not in modules() or name not in modules()[module].defined:
            continue
        for dotted in modules()[module].uses(name):
            if is_end(dotted):
                ends.setdefault(dotted, [*ways[here], dotted])
            elif (there := node_of(dotted)) not in ways:
                ways[there] = [*ways[here], there]
                waiting.append(there)
    return ends
