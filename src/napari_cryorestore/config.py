"""The frozen base of every set of parameters: one field is one truth for form, help, docs and errors."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Self, Union, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_cryorestore.safe_reading import plain_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_MOST_PROBLEMS, _LONGEST_VALUE = 8, 120


class Config(BaseModel):
    """Frozen parameters that refuse unknown keys and are written to and read from TOML.

    ``None`` means "not given" and is left out of the TOML, so it may only be a field's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    def to_toml(self) -> str:
        """Return every value, defaults included, as TOML text."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True, serialize_as_any=True))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read TOML text.

        Raises
        ------
        ValueError
            If the text is no TOML, or a key or value is not one of this configuration's.
        """
        try:
            values = plain_toml(text)
        except ValueError as error:
            raise ValueError(f"the text is not valid TOML ({error}): correct it there") from error
        return cls.model_validate(values)


def setting(
    default: Any = ...,
    help: str = "",  # noqa: A002  the word users know
    *,
    unit: str = "",
    advanced: bool = False,
    restoring: bool = False,
    **bounds: Any,
) -> Any:
    """Declare one field: default, one sentence, unit and bounds (``ge``, ``gt``, ``le``, ``lt``).

    ``restoring`` marks a method's setting that may be chosen anew whenever a trained model restores.
    """
    extra: dict[str, Any] = {"unit": unit, "advanced": advanced, "restoring": restoring}
    return Field(default, description=help, json_schema_extra=extra, **bounds)


@dataclass(frozen=True)
class Setting:
    """One field as users see it: what forms, command-line help and tables are made from.

    Attributes
    ----------
    path : tuple of str
        Where the field lies, e.g. ``("schedule", "learning_rate")``.
    default
        Its default, or ``...`` where it must be given.
    choices : tuple
        The allowed values of a ``Literal`` field, else empty.
    kind : type
        ``bool``, ``int``, ``float``, ``str``, ``Path`` or ``tuple``.
    optional : bool
        Whether ``None`` ("not given", "automatic") is allowed.
    bounds : dict
        ``ge``, ``gt``, ``le``, ``lt`` where declared.
    length : int
        How many values a tuple takes, 0 for any number; 1 for everything else.
    item : type
        The kind of what a tuple holds; ``kind`` for everything else.
    restoring : bool
        Whether it may be chosen anew whenever a trained model restores.
    """

    path: tuple[str, ...]
    kind: type
    default: Any
    help: str
    unit: str
    choices: tuple[Any, ...]
    optional: bool
    advanced: bool
    bounds: dict[str, float]
    length: int
    item: type
    restoring: bool = False

    @property
    def flag(self) -> str:
        """The command-line spelling, e.g. ``--schedule.learning-rate``."""
        return "--" + ".".join(self.path).replace("_", "-")

    @property
    def label(self) -> str:
        """The words of a form: ``learning rate``."""
        return self.path[-1].replace("_", " ")


def settings_of(config: type[Config], prefix: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield the leaf fields of a configuration, in order of declaration, nested ones included."""
    for name, field in config.model_fields.items():
        inner = _without_none(field.annotation)[0]
        if isinstance(inner, type) and issubclass(inner, Config):
            yield from settings_of(inner, (*prefix, name))
        else:
            yield _setting((*prefix, name), field)


def sentence(error: ValidationError) -> str:
    """Turn a validation error into one line that a user can act on."""
    parts = []
    found = error.errors(include_url=False)
    problems = [item for item in found if not _follows(item, found)]
    for item in problems[:_MOST_PROBLEMS]:
        where = ".".join(str(piece) for piece in item["loc"])
        what = item["msg"].removeprefix("Value error, ")
        given = "" if item["type"] in ("missing", "value_error") else f" (given: {_short(item['input'])})"
        parts.append(f"{where}: {what}{given}" if where else what)
    if len(problems) > _MOST_PROBLEMS:
        parts.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return "; ".join(parts)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _follows(item: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Tell whether a list counts as empty only because what it holds is wrong."""
    place, size = item["loc"], len(item["loc"])
    within = any(len(other["loc"]) > size and other["loc"][:size] == place for other in found)
    return item["type"] == "too_short" and within


def _setting(path: tuple[str, ...], field: FieldInfo) -> Setting:
    annotation, optional = _without_none(field.annotation)
    literal = get_origin(annotation) is Literal
    choices = get_args(annotation) if literal else ()
    kind = type(choices[0]) if literal else get_origin(annotation) or annotation
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    bounds = {
        name: getattr(item, name)
        for item in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(item, name, None) is not None
    }
    return Setting(
        path=path,
        kind=kind if isinstance(kind, type) else str,
        default=... if field.is_required() else field.get_default(call_default_factory=True),
        help=field.description or "",
        unit=str(extra.get("unit", "")),
        choices=choices,
        optional=optional,
        advanced=bool(extra.get("advanced", False)),
        bounds=bounds,
        length=_length(annotation),
        item=_item(annotation),
        restoring=bool(extra.get("restoring", False)),
    )


def _length(annotation: Any) -> int:
    if get_origin(annotation) is not tuple:
        return 1
    items = get_args(annotation)
    return 0 if Ellipsis in items else len(items)


def _item(annotation: Any) -> type:
    """Return the kind of a value, or of the first one of a tuple; text for what has none of its own."""
    first = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
    first = type(get_args(first)[0]) if get_origin(first) is Literal else first
    return first if isinstance(first, type) else str


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        kept = [item for item in get_args(annotation) if item is not NoneType]
        if len(kept) == 1:
            return kept[0], True
    return annotation, False


__all__ = ["Config", "Setting", "sentence", "setting", "settings_of"]
