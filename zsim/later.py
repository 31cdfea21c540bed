"""A list that is read when somebody looks into it: most commands have no need of the thousands of filters installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Later(MutableSequence[T]):
    """The items that `read` gives; it is called once, with the first use."""

    def __init__(self, read: Callable[[], Iterable[T]]) -> None:
        self._read = read
        self._items: list[T] | None = None

    @property
    def unread(self) -> bool:
        """Nobody has looked into it, so it is as it was kept."""
        return self._items is None

    @property
    def items(self) -> list[T]:
        """All of them."""
        if self._items is None:
            self._items = list(self._read())
        return self._items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __getitem__(self, at: Any) -> Any:
        return self.items[at]

    def __setitem__(self, at: Any, item: Any) -> None:
        self.items[at] = item

    def __delitem__(self, at: Any) -> None:
        del self.items[at]

    def insert(self, at: int, item: T) -> None:
        self.items.insert(at, item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.items == list(other)

    __hash__ = None  # type: ignore[assignment]
