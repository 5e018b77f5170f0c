"""What Gradio must know of each option: the component behind it, and the parameter that the API names after it."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import gradio as gr

from vimix.options import Affects, Options, affecting


def component_of(name: str) -> gr.components.Component:
    """What stands for an option: its type, its choices, its default, its meaning."""
    field = Options.model_fields[name]
    default, about = field.default, f"{name}: {field.description or ''}"
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices and name != "fps":
        return gr.Dropdown(choices, value=default, label=about)
    if field.annotation is bool:
        return gr.Checkbox(default, label=about)
    if isinstance(default, int | float):
        return gr.Number(default, label=about)
    return gr.Textbox("" if default in (None, ()) else str(default), label=about)


def with_options(**more: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give `call(request, clip, background_file, *values)` a named parameter for each option, and for `more` with their
    defaults."""
    defaults = {name: field.default for name, field in Options.model_fields.items()} | more
    return lambda call: _with_parameters(call, defaults)


def with_changes(call: Callable[..., Any]) -> Callable[..., Any]:
    """Give `call(request, job, *changes)` a named parameter for each option that a finished job can be converted to."""
    call.__annotations__ |= {name: _type_hint(name) for name in affecting(Affects.FINISH)}
    return _with_parameters(call, dict.fromkeys(affecting(Affects.FINISH)))


def _type_hint(name: str) -> object:
    """The type of a change in the API's schema: a value as in `Options`, or nothing."""
    kind = Options.model_fields[name].annotation
    if kind in (bool, int):
        return kind | None
    return float | str | None if re.search(r"\b(int|float)\b", str(kind)) else str | None


def _with_parameters(call: Callable[..., Any], defaults: Mapping[str, object]) -> Callable[..., Any]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.signature(call)
    own = [each for each in signature.parameters.values() if each.kind is kind]
    more = [inspect.Parameter(name, kind, default=default) for name, default in defaults.items()]
    call.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    return call
