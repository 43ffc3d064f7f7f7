"""A spec as a file has it: JSON and plain dictionaries both ways, each field checked by its name and kind.

Flow: model.json, ONNX metadata, checkpoint <-> Document <- spec. Imports the standard library alone.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from bassnet_osc import BassNetError

Fields = dict[str, dict[str, Any]]  # by part and name
D = TypeVar("D", bound="Document")


@dataclasses.dataclass(frozen=True)
class Document:
    """Its fields are parts: dataclasses of numbers and words, whose defaults say of what kind each is."""

    later: ClassVar[Fields] = {}  # what older files had not, and what these did

    def to_dict(self) -> dict[str, Any]:
        """Nested plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """One line of JSON with sorted keys, equal for equal specs."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls: type[D], values: dict[str, Any]) -> D:
        """Inverse of `to_dict`; raises BassNetError naming a missing or unknown field."""
        parts: dict[str, Any] = {f.name: f.default_factory for f in dataclasses.fields(cls)}
        _same_names("spec", parts, values)
        return cls(**{name: _part(name, part, values[name], cls.later) for name, part in parts.items()})

    @classmethod
    def from_json(cls: type[D], text: str) -> D:
        """Inverse of `to_json`; raises BassNetError for text that is no JSON."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise BassNetError(f"a spec must be JSON; got {text[:40]!r}: export again") from None
        return cls.from_dict(values)

    def differences(self, other: Document) -> list[str]:
        """The fields in which two specs differ, each as 'cqt.gamma: 5.0 != 3.0'."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [
            f"{part}.{name}: {value!r} != {theirs[part][name]!r}"
            for part, fields in mine.items()
            for name, value in fields.items()
            if value != theirs[part][name]
        ]


def _part(name: str, part: Any, values: Any, later: Fields) -> Any:
    """The part of that name, of the dataclass `part`."""
    fields = dataclasses.fields(part)
    if isinstance(values, dict):
        values = later.get(name, {}) | values
    _same_names(f"spec.{name}", (f.name for f in fields), values)
    for f in fields:
        _same_kind(f"spec.{name}.{f.name}", f.default, values[f.name])
    return part(**values)


def _same_names(where: str, expected: Iterable[str], values: Any) -> None:
    names = set(expected)
    if not isinstance(values, dict) or set(values) != names:
        got = set(values) if isinstance(values, dict) else set()
        raise BassNetError(
            f"{where} must have exactly the fields {sorted(names)}; missing {sorted(names - got)}, unknown "
            f"{sorted(got - names)}: the file comes from another version, export it again"
        )


def _same_kind(where: str, default: Any, value: Any) -> None:
    """Numbers for numbers, whole ones for whole ones, words for words."""
    allowed: Any = (int, float) if isinstance(default, float) else type(default)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise BassNetError(f"{where} must be like {default!r}; got {value!r}: export again")
    if not isinstance(value, str) and not abs(value) < math.inf:
        raise BassNetError(f"{where} must be finite; got {value!r}: export again")
