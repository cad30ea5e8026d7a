"""The descriptions of a type's fields: the texts that stand below them in the source."""

import ast
import inspect
from collections.abc import Iterable, Iterator
from itertools import takewhile
from textwrap import dedent
from typing import Any

import msgspec


def describe(schema: dict[str, Any], types: Iterable[type]) -> None:
    """Add the description of each field to the properties in the schema's `$defs`.

    Args:
        schema: as from msgspec, with a definition for each of the types.
        types: the structs.
    """
    for struct in types:
        properties = schema["$defs"][struct.__name__]["properties"]
        for field, text in _field_texts(struct):
            if field in properties:
                of_type = properties[field].get("description")
                properties[field]["description"] = f"{text} {of_type}" if of_type else text


def structs_in(root: type) -> list[type]:
    """The struct and all structs among the types of its fields."""
    found: dict[type, None] = {}
    for info in _with_parts(msgspec.inspect.type_info(root)):
        if isinstance(info, msgspec.inspect.StructType):
            found[info.cls] = None
    return list(found)


def _with_parts(info: msgspec.inspect.Type) -> Iterator[msgspec.inspect.Type]:
    yield info
    match info:
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                yield from _with_parts(field.type)
        case msgspec.inspect.ListType(item_type=item):
            yield from _with_parts(item)
        case msgspec.inspect.UnionType(types=types):
            for one in types:
                yield from _with_parts(one)
        case msgspec.inspect.Metadata(type=inner):
            yield from _with_parts(inner)


def _field_texts(struct: type) -> Iterator[tuple[str, str]]:
    """(field, the text below it) for the fields of the struct and of the structs from which it inherits."""
    for own in takewhile(lambda cls: cls is not msgspec.Struct, struct.__mro__):
        [definition] = ast.parse(dedent(inspect.getsource(own))).body
        assert isinstance(definition, ast.ClassDef)
        for statement, following in zip(definition.body, definition.body[1:], strict=False):
            match statement, following:
                case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                    yield field, " ".join(text.split())
