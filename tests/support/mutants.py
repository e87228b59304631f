"""Mutants of a module: copies with one small fault each, which some test should notice."""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[2]

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Words that the service stores and answers ("overdue", "given_on"); sentences are left alone.
_CODE = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")

_Parts = ast.stmt | ast.expr
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_NESTED = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Mutant:
    """One fault in one module: `field` of `parent` (its entry `index` in a list) is replaced."""

    module: str
    name: str
    lines: range
    in_function: bool
    tree: ast.Module
    parent: ast.AST
    field: str
    index: int | None
    new: _Parts

    @property
    def path(self) -> str:
        return str(path_of(self.module))

    def code(self) -> CodeType:
        """Return the module's code with the fault in it. The tree keeps it: call it once."""
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new
        tree = ast.fix_missing_locations(self.tree)
        return compile(tree, self.path, "exec", dont_inherit=True)


def path_of(module: str) -> Path:
    """Return the file that holds a module of the project."""
    return ROOT / (module.replace(".", "/") + ".py")


def modules_in(folder: str) -> list[str]:
    """Return the names of all modules below a folder of the project that hold any code."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, folder
    names = [file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for file in files]
    return [name for name in names if not name.endswith("__init__")]


def mutants_of(module: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines; names are unique."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    found = []
    for spot, new in _edits(tree):
        old, now = _apart(ast.unparse(spot.node), ast.unparse(new))
        name = f"{module}:{spot.scope} `{old}` -> `{now}` in `{_short(ast.unparse(spot.at))}`"
        seen[name] += 1
        if seen[name] > 1:
            name += f" ({seen[name]})"
        inside, lines = spot.function is not None, _own_lines(spot.at)
        found.append(
            Mutant(module, name, lines, inside, tree, spot.parent, spot.field, spot.index, new)
        )
    return found


def _apart(old: str, new: str) -> tuple[str, str]:
    """Return both texts cut short where they differ."""
    same = next((n for n, (was, now) in enumerate(zip(old, new, strict=False)) if was != now), 0)
    start = max(0, same - 30)
    return _short(old[start:]), _short(new[start:])


def _short(text: str) -> str:
    line = text.splitlines()[0]
    return line if len(line) <= 80 else line[:77] + "..."


def _own_lines(statement: ast.stmt) -> range:
    """The lines of a statement without those of the statements inside it."""
    inner = [
        child.lineno
        for field in _NESTED
        for child in getattr(statement, field, [])
        if hasattr(child, "lineno")
    ]
    end = min(inner) - 1 if inner else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(end, statement.lineno) + 1)


@dataclass(frozen=True)
class _Spot:
    """A node, where it hangs in the tree, and the statement and scope it stands in."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    at: ast.stmt
    scope: str
    function: _Function | None


def _edits(tree: ast.Module) -> Iterator[tuple[_Spot, _Parts]]:
    for spot in _spots(tree, None, "", None):
        for new in _faults(spot.node):
            yield spot, new
        if _is_set_again(spot):
            yield spot, ast.Pass()


def _is_set_again(spot: _Spot) -> bool:
    """Whether a statement gives a value to a name that has one from elsewhere in its function."""
    if spot.function is None or not isinstance(spot.node, ast.Assign):
        return False
    given = [arg.arg for arg in ast.walk(spot.function) if isinstance(arg, ast.arg)]
    for node in ast.walk(spot.function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given.append(node.id)
    [target, *_] = spot.node.targets
    return isinstance(target, ast.Name) and given.count(target.id) > 1


def _spots(
    parent: ast.AST, at: ast.stmt | None, scope: str, function: _Function | None
) -> Iterator[_Spot]:
    for field, value in ast.iter_fields(parent):
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or _is_left_alone(node, field, parent):
                continue
            own = node if isinstance(node, ast.stmt) else at
            place = index if isinstance(value, list) else None
            if own is not None and isinstance(node, _Parts):
                yield _Spot(node, parent, field, place, own, scope, function)
            if isinstance(node, _Function | ast.ClassDef):
                inside = f"{scope}.{node.name}".lstrip(".")
                within = node if isinstance(node, _Function) else function
                yield from _spots(node, own, inside, within)
            else:
                yield from _spots(node, own, scope, function)


def _is_left_alone(node: ast.AST, field: str, parent: ast.AST) -> bool:
    """Whether no test can be asked about it: types, decorators, documentation, messages."""
    if field in ("annotation", "returns", "decorator_list", "format_spec"):
        return True
    if isinstance(parent, ast.JoinedStr) and isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Assign):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return "__all__" in names
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return True
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "field":
        return True  # of a dataclass: whether it is printed and compared
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return True
    documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return documentation or isinstance(node, ast.Import | ast.ImportFrom)


def _faults(node: ast.AST) -> Iterator[_Parts]:
    """Yield what could stand in a node's place by mistake."""
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                changed = copy.copy(node)
                changed.ops = [*node.ops]
                changed.ops[place] = _COMPARED[type(operator)]()
                yield changed
        case ast.BinOp() if type(node.op) in _COUNTED:
            yield ast.BinOp(node.left, _COUNTED[type(node.op)](), node.right)
        case ast.AugAssign():
            yield ast.AugAssign(node.target, _COUNTED[type(node.op)](), node.value)
            yield ast.Pass()
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            for place in range(len(node.values)):
                rest = node.values[:place] + node.values[place + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.IfExp():
            yield ast.IfExp(node.test, node.orelse, node.body)
        case ast.Constant():
            yield from _constants(node.value)
        case ast.Return() if node.value and not _is_nothing(node.value):
            yield ast.Return(ast.Constant(None))
        case ast.If():
            for outcome in (True, False):
                yield ast.If(ast.Constant(outcome), node.body, node.orelse)
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            pass  # without its only `yield` it would be no generator
        case ast.Expr() | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from _comprehensions(node)
        case ast.Call():
            yield from _calls(node)


def _is_nothing(node: ast.expr) -> bool:
    """Whether it is None or as good as None to whoever asks if there is anything."""
    return isinstance(node, ast.Constant) and not node.value


def _constants(value: object) -> Iterator[ast.expr]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, str) and len(value) > 1 and _CODE.fullmatch(value):
        yield ast.Constant(value[:-1])


def _comprehensions(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
) -> Iterator[ast.expr]:
    """Yield it without one of its conditions."""
    for loop, of in enumerate(node.generators):
        for place in range(len(of.ifs)):
            changed, loops = copy.copy(node), [*node.generators]
            rest = of.ifs[:place] + of.ifs[place + 1 :]
            loops[loop] = ast.comprehension(of.target, of.iter, rest, of.is_async)
            changed.generators = loops
            yield changed


def _in_any_order(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in ("min", "max")


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    for place in range(0 if _in_any_order(node) else len(node.args) - 1):
        args = [*node.args]
        args[place], args[place + 1] = args[place + 1], args[place]
        if ast.dump(args[place]) != ast.dump(args[place + 1]):
            yield ast.Call(node.func, args, node.keywords)
    # Without a keyword of a function its default stands; fields of a record seldom have one.
    # `strict` guards against faults elsewhere.
    if ast.unparse(node.func).split(".")[-1][0].islower():
        for place in range(len(node.keywords)):
            if node.keywords[place].arg == "strict":
                continue
            rest = node.keywords[:place] + node.keywords[place + 1 :]
            yield ast.Call(node.func, node.args, rest)
    if isinstance(node.func, ast.Name) and node.func.id in _CALLED:
        yield ast.Call(ast.Name(_CALLED[node.func.id], ast.Load()), node.args, node.keywords)
    if isinstance(node.func, ast.Name) and node.func.id in ("sorted", "reversed"):
        yield ast.Call(ast.Name("list", ast.Load()), node.args[:1], [])
