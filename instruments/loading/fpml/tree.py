"""Parse XML into small nodes, refusing the features that make XML dangerous.

A document type is refused: without one there are no entities, so nothing expands and nothing is
fetched. Depth and number of elements are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat  # nosec B406 B411

from instruments.loading.errors import BadFile

MOST_ELEMENTS, MOST_DEPTH = 300_000, 60
"""Largest number of elements of a file, and of levels. The first allows about 2,500 swaps, which
take one second and 100 MB to read."""
SEPARATOR = "}"


@dataclass(eq=False, slots=True)
class Node:
    """An element; its name is without the namespace.

    Attributes:
        name: Local name.
        attributes: Of no namespace.
        line: In the file, from 1.
        children: Elements in it.
        text: Its text without white space at the ends.
    """

    name: str
    attributes: Mapping[str, str]
    line: int
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, path: str) -> Iterator[Node]:
        """Elements by names with slashes."""
        name, _, rest = path.partition("/")
        for child in self.children:
            if child.name == name:
                yield from child.all(rest) if rest else (child,)

    def first(self, path: str) -> Node | None:
        """The first of them."""
        return next(self.all(path), None)

    def value(self, path: str) -> str:
        """The text of the first of them; empty without one."""
        found = self.first(path)
        return found.text if found is not None else ""


def parse(content: bytes) -> tuple[str, Node]:
    """The namespace of the root, and the root.

    Raises:
        BadFile: It is not XML, or XML that is not accepted.
    """
    builder = _Builder()
    try:
        builder.parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, str(error))
        raise BadFile(f"line {error.lineno}: the XML is not well-formed: {reason}") from None
    except (LookupError, ValueError) as error:
        raise BadFile(f"The XML has an unsupported encoding: {error}: save it as UTF-8") from None
    return builder.namespace, builder.root


class _Builder:
    """Collects nodes from the events of the parser."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.namespace, self._count = "", 0
        self._open = [Node("", {}, 0)]

    @property
    def root(self) -> Node:
        """The root element."""
        return self._open[0].children[0]

    def _doctype(self, name: str, *_: object) -> None:
        raise BadFile(
            f"line {self.parser.CurrentLineNumber}: the XML has a document type (DOCTYPE {name}):"
            " entities and external files are not read; leave it out, FpML has none"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        line = self.parser.CurrentLineNumber
        if self._count > MOST_ELEMENTS or len(self._open) > MOST_DEPTH:
            raise BadFile(
                f"line {line}: the XML has more than {MOST_ELEMENTS:,} elements, or more than"
                f" {MOST_DEPTH} inside each other: split the file"
            )
        namespace, _, local = name.rpartition(SEPARATOR)
        if self._count == 1:
            self.namespace = namespace
        plain = {key: value for key, value in attributes.items() if SEPARATOR not in key}
        node = Node(local, plain, line)
        self._open[-1].children.append(node)
        self._open.append(node)

    def _end(self, _: str) -> None:
        node = self._open.pop()
        node.text = node.text.strip()

    def _text(self, text: str) -> None:
        self._open[-1].text += text
