"""Whether a value has the shape of a type: of the ``TypedDict``s in which SDKs describe requests.

The vendors refuse a field that they don't know, one that is missing, and a value of another type.
"""

import collections.abc
import types
import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import typing_extensions

_REQUIRED: tuple[Any, ...] = (typing.Required, typing_extensions.Required)
_WRAPPED: tuple[Any, ...] = (
    *(typing.NotRequired, typing_extensions.NotRequired),
    *(typing.Annotated, typing_extensions.Annotated),
)
_TAGS = ("type", "role")  # by the literal of one of these a union is told apart
_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    type(None): (type(None),),
}


def misfits(value: Any, kind: Any, at: str = "") -> Iterator[str]:
    """Where the value has another shape than this type, and how."""
    kind = _bare(kind)
    if kind in (Any, object):
        return
    origin = typing.get_origin(kind)
    if kind in _PLAIN:
        fits = isinstance(value, _PLAIN[kind])
        if not fits or (isinstance(value, bool) and kind in (int, float)):
            yield f"{at}: should be {getattr(kind, '__name__', kind)}"
    elif origin in (typing.Literal, typing_extensions.Literal):
        if value not in typing.get_args(kind):
            yield f"{at}: {str(value)[:40]!r} is none of {typing.get_args(kind)}"
    elif origin in (typing.Union, types.UnionType):
        yield from _of_union(value, typing.get_args(kind), at)
    elif typing.is_typeddict(kind) or typing_extensions.is_typeddict(kind):
        yield from _of_object(value, kind, at)
    elif origin is dict or kind is dict:
        yield from _of_mapping(value, kind, at)
    elif _is_sequence(kind):
        yield from _of_list(value, kind, at)
    # What is left is a file or a path, which no JSON holds.
    elif not isinstance(kind, type) or not isinstance(value, kind):
        yield f"{at}: should be {kind}"


def _bare(kind: Any) -> Any:
    while typing.get_origin(kind) in (*_REQUIRED, *_WRAPPED):
        kind = typing.get_args(kind)[0]
    return kind


def _is_sequence(kind: Any) -> bool:
    origin: Any = typing.get_origin(kind) or kind
    if origin in (list, tuple, collections.abc.Iterable, collections.abc.Sequence):
        return True
    return getattr(origin, "__name__", "") == "SequenceNotStr"


def _of_object(value: Any, kind: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: should be an object"
        return
    fields, needed, open_ended = _fields(kind)
    for key in needed:
        if key not in value:
            yield f"{at}.{key}: Field required"
    for key, inner in value.items():
        if key in fields:
            yield from misfits(inner, fields[key], f"{at}.{key}")
        elif not open_ended:
            yield f"{at}.{key}: Extra inputs are not permitted"


@lru_cache(maxsize=2000)
def _fields(kind: Any) -> tuple[dict[str, Any], tuple[str, ...], bool]:
    """A ``TypedDict``'s fields, those that must be there, and whether it takes others."""
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    needed = [key for key, hint in hints.items() if typing.get_origin(hint) in _REQUIRED]
    config = getattr(kind, "__pydantic_config__", None) or {}
    return hints, tuple(needed), config.get("extra") == "allow"


def _of_mapping(value: Any, kind: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: should be an object"
        return
    args = typing.get_args(kind)
    for key, inner in value.items():
        if args:
            yield from misfits(inner, args[1], f"{at}.{key}")


def _of_list(value: Any, kind: Any, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: should be a list"
        return
    inner = (typing.get_args(kind) or (Any,))[0]
    for place, each in enumerate(value):
        yield from misfits(each, inner, f"{at}[{place}]")


def _of_union(value: Any, kinds: tuple[Any, ...], at: str) -> Iterator[str]:
    """What is wrong with it as that of the kinds which it is most like."""
    found = _candidates(value, _union(kinds))
    best: list[str] | None = None
    for kind in found:
        wrong = list(misfits(value, kind, at))
        if not wrong:
            return
        if best is None or len(wrong) < len(best):
            best = wrong
    yield from best or [f"{at}: is none of what can be here"]


class _Union(typing.NamedTuple):
    """The kinds of a union: all, those of objects by their literal tags, and those of lists."""

    all: tuple[Any, ...]
    tagged: dict[tuple[str, str], tuple[Any, ...]]
    objects: tuple[Any, ...]
    lists: tuple[Any, ...]
    others: tuple[Any, ...]


@lru_cache(maxsize=2000)
def _union(kinds: tuple[Any, ...]) -> _Union:
    flat = tuple(each for kind in kinds for each in _flat(kind))
    tagged: dict[tuple[str, str], list[Any]] = {}
    objects, lists, others = [], [], []
    for kind in flat:
        if typing_extensions.is_typeddict(kind):
            objects.append(kind)
            for tag in _TAGS:
                for literal in _literals(_fields(kind)[0].get(tag)):
                    tagged.setdefault((tag, literal), []).append(kind)
        elif typing.get_origin(kind) is dict or kind is dict:
            objects.append(kind)
        elif _is_sequence(kind):
            lists.append(kind)
        else:
            others.append(kind)
    by_tag = {tag: tuple(found) for tag, found in tagged.items()}
    return _Union(flat, by_tag, tuple(objects), tuple(lists), tuple(others))


def _candidates(value: Any, union: _Union) -> tuple[Any, ...]:
    """The kinds that a value may be of, as its tags or its JSON type say."""
    if isinstance(value, dict):
        named = [
            union.tagged.get((tag, value[tag]), ())
            for tag in _TAGS
            if isinstance(value.get(tag), str)
        ]
        found = [kind for kind in named[0] if all(kind in each for each in named)] if named else []
        return tuple(found) or (named[0] if named else ()) or union.objects or union.all
    return (union.lists if isinstance(value, list) else union.others) or union.all


def _literals(kind: Any) -> Iterator[str]:
    """The words that a field may have, if it can be nothing else."""
    kind = _bare(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        for each in typing.get_args(kind):
            yield from _literals(each)
    elif typing.get_origin(kind) in (typing.Literal, typing_extensions.Literal):
        yield from (each for each in typing.get_args(kind) if isinstance(each, str))


def _flat(kind: Any) -> Iterator[Any]:
    kind = _bare(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        for each in typing.get_args(kind):
            yield from _flat(each)
    else:
        yield kind
