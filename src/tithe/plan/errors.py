"""What is wrong with a plan, in sentences: name, rule, value and the nearest right key or word."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeGuard, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tithe.checks import BadInput, nearest
from tithe.plan.options import Options, plain
from tithe.plan.problems import BrokenRules, Problem
from tithe.plan.sections import Words

_KINDS: Mapping[type, str] = types.MappingProxyType(
    {
        int: "a whole number",
        float: "a number",
        str: "text",
        bool: "true or false",
        Options: "a table",
    }
)
# Errors about a value of the right kind.
_MISFITS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})


class BadPlan(BadInput):
    """A plan that cannot be run; ``problems`` holds one sentence for everything wrong with it."""

    def __init__(self, problems: Sequence[str], *, source: str = "") -> None:
        self.problems = tuple(_printable(problem) for problem in problems)
        self.source = source
        head = f"{source}: " if source else ""
        super().__init__("\n".join(head + problem for problem in self.problems))


def problems_of(
    error: ValidationError, *, root: type[BaseModel], section: str | None = None
) -> list[Problem]:
    """The sentences for everything Pydantic found wrong, in its order.

    Args:
      error: what the validation of a plan, or of one of its sections, raised.
      root: the model of a whole plan; its fields say what the rules are.
      section: the name of the section that was validated; None if it was the plan.
    """
    found: list[Problem] = []
    place = (section,) if section else ()
    for each in error.errors():
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, BrokenRules):
            found += cause.problems
        else:
            found.append(_problem(each["type"], place + each["loc"], each["input"], root=root))
    return found


def rule_of(field: FieldInfo, *, with_kind: bool = True) -> str:
    """What a key may hold, in words: ``a number in (0, 1]``, or ``in (0, 1]`` without its kind."""
    return _rule(field.annotation, field.metadata, with_kind=with_kind)


def keys_of(model: type[BaseModel]) -> list[str]:
    """Every key of a plan with its section in front: ``["name", ..., "sharing.theta_u", ...]``."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            names.append(name)
        elif get_origin(field.annotation) is None:
            names += [f"{name}.{key}" for key in section.model_fields]
    return names


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model behind a key that is a section, or a list of them; None for a plain key."""
    inner = get_args(field.annotation)[:1] if get_origin(field.annotation) is tuple else ()
    return next((each for each in (field.annotation, *inner) if _is_section(each)), None)


def _is_section(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def in_toml(value: object) -> str:
    """A value as TOML writes it, shortened when it is long."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, (list, tuple)):
        text = "[" + ", ".join(in_toml(each) for each in value) + "]"
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(f"{k} = {in_toml(v)}" for k, v in value.items()) + "}"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _problem(
    kind: str, loc: tuple[int | str, ...], value: object, *, root: type[BaseModel]
) -> Problem:
    model, field, path = root, None, ""
    metadata: list[Any] = []
    annotation: Any = root
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
            annotation, metadata = _element(annotation)
            continue
        if part not in model.model_fields:
            return _unknown_key(part, section=path, model=model, root=root)
        path = f"{path}.{part}" if path else part
        field = model.model_fields[part]
        annotation, metadata = field.annotation, field.metadata
        model = section_of(field) or model
    if _is_section(annotation):
        name = path.split("[")[0]
        head = f"[[{name}]]" if path.endswith("]") else f"[{name}]"
        sentence = f"{path} must be a section with keys under {head}, got {in_toml(value)}"
        return Problem(sentence, (path,))
    rule = _rule(annotation, metadata, with_kind=kind not in _MISFITS)
    if kind == "finite_number":
        rule = " and ".join(filter(None, ["finite", _bounds(metadata)]))
    hint = _hint(annotation, metadata, value)
    sentence = f"{path} must be {rule}, got {in_toml(plain(value))}{hint}"
    return Problem(sentence, (re.sub(r"(\.\w+)\[\d+\]$", r"\1", path),))


def _unknown_key(
    word: str, *, section: str, model: type[BaseModel], root: type[BaseModel]
) -> Problem:
    """The sentence for a key nobody knows, with the key its author most likely meant."""
    path = f"{section}.{word}" if section else word
    name = re.sub(r"\[\d+\]", "", section)
    sections = [each for each, field in root.model_fields.items() if section_of(field)]
    place = (f"[[{name}]]" if "[" in section else f"[{name}]") if section else "the plan"
    own = [f"{section}.{key}" if section else key for key in model.model_fields]
    everywhere = keys_of(root)
    same = [key for key in everywhere if key.rpartition(".")[2] == word]
    close = nearest(word, model.model_fields)
    far = nearest(word, {key.rpartition(".")[2] for key in everywhere})
    if same:
        meant = same
    elif close:
        close_path = f"{section}.{close}" if section else close
        meant = [f"[{close}]" if not section and close in sections else close_path]
    elif far:
        meant = [key for key in everywhere if key.rpartition(".")[2] == far]
    else:
        listed = ", ".join(key.rpartition(".")[2] for key in own)
        return Problem(f"{path} is not a key of {place}; its keys are {listed}", (path,))
    # What was meant counts as spoilt too, so that no rule complains about its default.
    sentence = f"{path} is not a key of {place}; did you mean {_either(meant)}?"
    return Problem(sentence, (path, *(each.strip("[]") for each in meant)))


def _rule(annotation: Any, metadata: Sequence[Any], *, with_kind: bool) -> str:
    """The rule in words, from the type and from Pydantic's own record of the bounds."""
    words = [each.rule for each in metadata if isinstance(each, Words)]
    if get_origin(annotation) is Literal:
        words.append("one of " + ", ".join(in_toml(each) for each in get_args(annotation)))
    if words:
        return words[0]
    bounds = _bounds(metadata)
    if bounds and not with_kind:
        return bounds
    return f"{_kind(annotation)} {bounds}".strip()


def _kind(annotation: Any) -> str:
    """What sort of value a type is, in words: ``a whole number``, ``a list of numbers > 0``."""
    if get_origin(annotation) is tuple:
        inner, metadata = _element(annotation)
        if _is_section(inner):
            return "a list of tables"
        return "a list of " + _plural(_rule(inner, metadata, with_kind=True))
    return "a section" if _is_section(annotation) else _KINDS[annotation]


def _bounds(metadata: Sequence[Any]) -> str:
    low = high = ""
    opening, closing = "", ""
    for each in metadata:
        if isinstance(each, annotated_types.Gt):
            low, opening = str(each.gt), "("
        elif isinstance(each, annotated_types.Ge):
            low, opening = str(each.ge), "["
        elif isinstance(each, annotated_types.Lt):
            high, closing = str(each.lt), ")"
        elif isinstance(each, annotated_types.Le):
            high, closing = str(each.le), "]"
    if low and high:
        return f"in {opening}{low}, {high}{closing}"
    if low:
        return f"{'>' if opening == '(' else '>='} {low}"
    return f"{'<' if closing == ')' else '<='} {high}" if high else ""


def _element(annotation: Any) -> tuple[Any, list[Any]]:
    """The type of a list's elements, and their bounds."""
    inner = get_args(annotation)[0]
    if get_origin(inner) is Annotated:
        field = FieldInfo.from_annotation(inner)
        return field.annotation, field.metadata
    return inner, []


def _hint(annotation: Any, metadata: Sequence[Any], value: object) -> str:
    """The way out, where the value tells which it is."""
    if not isinstance(value, str):
        return ""
    words = [word for each in metadata if isinstance(each, Words) for word in each.words]
    if get_origin(annotation) is Literal:
        words = [str(each) for each in get_args(annotation)]
    close = nearest(value, words)
    if close:
        return f'; did you mean "{close}"?'
    if annotation in (int, float) and re.fullmatch(r"[+-]?[\d_.]+(e[+-]?\d+)?", value.strip()):
        return "; a number takes no quotes"
    if annotation is bool and value.strip().lower() in ("true", "false"):
        return f"; write {value.strip().lower()} without quotes"
    return ""


def _printable(text: str) -> str:
    """The text on one line, whatever the user's file put into it."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _either(choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else ", ".join(choices[:-1]) + f" or {choices[-1]}"


def _plural(rule: str) -> str:
    return re.sub(r"^a (whole )?number", r"\1numbers", rule)
