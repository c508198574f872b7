"""The shape of the code in figures: rooms, circles, sizes, comments, tests. ``python tools/shape.py``"""

# ruff: noqa: T201 - a program for a terminal

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "assistant"
LONGEST_MODULE, LONGEST_FUNCTION, SMALL_MODULE = 400, 60, 60

# A room may import from the floors above it in this list, from its own floor's files, never from below.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(floor.split())
    for floor in (
        "errors",
        "config core",
        "media store",
        "shots",
        "models",
        "analysis",
        "chat explain exports",
        "engine",
        "jobs synthetic evaluation training",
        "cli ui server __main__",
    )
)


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Dotted name -> file, of every module of the package."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a file imports, lazy imports counted, those for types alone left out."""
    found: set[str] = set()
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                found.add(whole if whole in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found & known.keys()


def foreign_imports(path: Path) -> set[str]:
    """The modules of other packages that a file imports when it runs."""
    found: set[str] = set()
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.split(".")[0] != PACKAGE}


def _running(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those below ``if TYPE_CHECKING``."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return found


def graph(known: dict[str, Path]) -> dict[str, set[str]]:
    """Which module imports which."""
    return {name: imports(path, known) - {name} for name, path in known.items()}


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Every set of modules that reach one another (Tarjan's strongly connected components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = []
            while not part or part[-1] != name:
                part.append(stack.pop())
            if len(part) > 1:
                found.append(sorted(part))

    sys.setrecursionlimit(10_000)
    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return found


def floor_of(module: str) -> int:
    """The number of the floor of a module's room, 0 at the bottom."""
    room = module.split(".")[1]
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"{module} has no floor yet: give its room one in tools/shape.py")


def arrows_up(arrows: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Imports from a higher floor."""
    return [
        (name, other)
        for name, others in sorted(arrows.items())
        for other in sorted(others)
        if "." in name and "." in other and floor_of(other) > floor_of(name)
    ]


def functions(path: Path) -> list[tuple[int, str]]:
    """Length in lines and name of every function of a file."""
    return [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def comment_lines(path: Path) -> int:
    """How many lines hold a comment."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def main() -> int:
    known = modules()
    arrows = graph(known)
    code = sum(lines(path) for path in known.values())
    tests = sum(lines(path) for path in (ROOT / "tests").rglob("*.py"))
    outside = {name: path for name, path in known.items() if ".synthetic" not in name}
    long_modules = [(lines(path), name) for name, path in outside.items() if lines(path) > LONGEST_MODULE]
    long_functions = [f for path in outside.values() for f in functions(path) if f[0] > LONGEST_FUNCTION]
    small = [name for name, path in known.items() if lines(path) < SMALL_MODULE and path.name != "__init__.py"]
    commented = sum(comment_lines(path) for path in known.values())
    found, up = circles(arrows), arrows_up(arrows)
    print(f"modules                     {len(known)}, {code} lines")
    print(f"longest module              {max((lines(path), name) for name, path in outside.items())}")
    print(f"modules over {LONGEST_MODULE} lines      {len(long_modules)} {sorted(long_modules, reverse=True)}")
    print(f"longest function            {max(f for path in outside.values() for f in functions(path))}")
    print(f"functions over {LONGEST_FUNCTION} lines     {len(long_functions)} {sorted(long_functions, reverse=True)}")
    print(f"modules under {SMALL_MODULE} lines      {len(small)} {small}")
    print(f"circles between files       {len(found)} {found}")
    print(f"imports that point up       {len(up)} {up}")
    print(f"tests : code                {tests / code:.2f}")
    print(f"lines with a comment        {100 * commented / code:.1f} %")
    return 1 if found or up else 0


if __name__ == "__main__":
    sys.exit(main())
