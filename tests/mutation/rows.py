"""Rows of the tables in a module's source, and that source without one of them."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

_WRAPPERS = ("frozenset", "set", "tuple", "list", "dict", "MappingProxyType")


class Row(NamedTuple):
    """One row: of which table (a module's name for it), which place in it, and how it reads.

    ``deep``: places are counted in the table's values, too, which are rows of rows.
    """

    table: str
    place: int
    text: str
    deep: bool = False


def rows_of(source: str, *deep: str) -> list[Row]:
    """The rows of every table of a module, in order; of these tables those of their values too."""
    return [
        Row(name, place, _text(key), name in deep)
        for name, value in _tables(ast.parse(source))
        for place, (key, _) in enumerate(_slots(value, name in deep))
    ]


def without(source: str, row: Row, filename: str) -> ast.Module:
    """The module without a row.

    Raises:
        LookupError: there is no such row.
    """
    tree = ast.parse(source, filename)
    for name, value in _tables(tree):
        if name == row.table:
            slots = list(_slots(value, row.deep))
            _, holder = slots[row.place]
            first = next(at for at, slot in enumerate(slots) if slot[1] is holder)
            _drop(holder, row.place - first)
            return tree
    raise LookupError(row.table)


def _tables(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names in capitals that are given a literal of several values, with that."""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if name.strip("_").isupper() and any(_slots(value)):
            yield name, value


Slot = tuple[ast.expr, "ast.Dict | ast.Tuple | ast.List | ast.Set"]


def _slots(value: ast.expr, deep: bool = False) -> Iterator[Slot]:
    """What identifies each row, and what holds it. What is unpacked in it has its own rows."""
    match value:
        case ast.Call(func=ast.Name(id=wrapper), args=[inner]) if wrapper in _WRAPPERS:
            yield from _slots(inner, deep)
        case ast.Dict(keys=keys, values=values):
            yield from ((key, value) for key in keys if key is not None)
            for each in values if deep else ():
                yield from _slots(each)
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            yield from ((each, value) for each in elements if not isinstance(each, ast.Starred))
            for each in elements:
                if isinstance(each, ast.Starred):
                    yield from _slots(each.value)
        case _:
            return


def _drop(holder: ast.Dict | ast.Tuple | ast.List | ast.Set, place: int) -> None:
    if isinstance(holder, ast.Dict):
        found = [at for at, key in enumerate(holder.keys) if key is not None][place]
        del holder.keys[found], holder.values[found]
        return
    plain = [at for at, each in enumerate(holder.elts) if not isinstance(each, ast.Starred)]
    del holder.elts[plain[place]]
    if isinstance(holder, ast.Set) and not holder.elts:  # braces around nothing are a dict
        holder.elts.append(ast.Starred(ast.Tuple([], ast.Load()), ast.Load()))
        ast.fix_missing_locations(holder)


def _text(key: ast.expr) -> str:
    """How a row is called: by its ``name``, if it is a call that has one."""
    if isinstance(key, ast.Call):
        for keyword in key.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return ast.unparse(key)[:60]
