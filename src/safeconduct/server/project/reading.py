# SPDX-License-Identifier: Apache-2.0
"""Reads one setting by its annotation: the file gives typed values, the environment gives text."""

from types import UnionType
from typing import Any, Literal, get_args, get_origin

from safeconduct.errors import ConfigurationError

Value = str | int | float | bool | list[Any]
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_value(key: str, annotation: Any, value: object) -> object:  # noqa: C901, PLR0911  # one case for each kind
    """Return the value in the annotated type.

    Raises:
        ConfigurationError: the value does not fit; the message names the setting and not the value.
    """
    if get_origin(annotation) is Literal:
        return _one_of(key, get_args(annotation), value)
    if get_origin(annotation) is tuple:
        return _words(key, value)
    if get_origin(annotation) is UnionType:
        annotation = next(option for option in get_args(annotation) if option is not type(None))
    match annotation, value:
        case (kind, bool()) if kind is bool:
            return value
        case (kind, str()) if kind is bool and value.lower() in WORDS:
            return WORDS[value.lower()]
        case (kind, str()) if kind is str:
            return value
        case (kind, int()) if kind in {int, float} and not isinstance(value, bool):
            return kind(value)
        case (kind, float()) if kind is float:
            return value
        case (kind, str()) if kind in {int, float}:
            return _number(key, kind, value)
        case _:
            raise ConfigurationError(f"the setting {key} must be of type {annotation.__name__}", setting=key)


def _one_of(key: str, options: tuple[object, ...], value: object) -> object:
    if value not in options:
        raise ConfigurationError(f"the setting {key} must be one of {', '.join(map(str, options))}", setting=key)
    return value


def _words(key: str, value: object) -> tuple[str, ...]:
    match value:
        case str():
            return tuple(word.strip() for word in value.split(",") if word.strip())
        case list() if all(isinstance(word, str) for word in value):
            return tuple(value)
        case _:
            raise ConfigurationError(f"the setting {key} must be a list of texts", setting=key)


def _number(key: str, kind: type[int] | type[float], value: str) -> float:
    try:
        return kind(value)
    except ValueError as error:
        raise ConfigurationError(f"the setting {key} must be a number", setting=key) from error
