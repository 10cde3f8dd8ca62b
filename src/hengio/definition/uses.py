"""Checks of what templates and conditions refer to: does it exist, and can it be there by then (H3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import UNSET

from hengio.codec import Json
from hengio.definition import expressions, templates, words
from hengio.definition.expressions import Malformed, Reference
from hengio.definition.findings import Findings
from hengio.definition.flow import Flow
from hengio.definition.lookup import ROOTS, STEP_FIELDS
from hengio.model.job import Job
from hengio.model.step import Step

_OBJECTS = ("steps", "variables", "input", "webhook")
_ROW_FILTER = ("transformations", "filter")


class Uses:
    """Checks the references of one job. `flow` None: the routing has errors, so nothing is said about order."""

    def __init__(self, job: Job, findings: Findings, *, flow: Flow | None, variables: Collection[str] | None) -> None:
        self._job = job
        self._findings = findings
        self._flow = flow
        self._variables = variables

    def check(self, step: Step, path: str) -> None:
        """Tell everything wrong with the references of a step's configuration and condition."""
        if step.condition is not None:
            self._expression(step, step.condition, f"{path}.condition")
        for where, text in _strings(step.config, f"{path}.config"):
            if self._findings.full:
                return
            if step.type == "file_processing" and where == f"{path}.config.{'.'.join(_ROW_FILTER)}":
                self._expression(step, text, where, rows=True)
            elif step.type == "database" and where == f"{path}.config.query":
                self._statement(step, text, where)
            else:
                self._template(step, text, where)

    def _expression(self, step: Step, text: str, path: str, *, rows: bool = False) -> None:
        """A condition, or (`rows`) a filter, in which bare names are columns."""
        try:
            found = list(templates.within(expressions.condition(text)))
        except Malformed as error:
            self._findings.error(path, error.message, error.hint)
            return
        self._references(step, [each for each in found if each.braced or not rows], path)

    def _statement(self, step: Step, text: str, path: str) -> None:
        try:
            for problem in templates.sql_problems(text):
                self._findings.error(path, problem.message, problem.hint)
        except Malformed:
            pass  # told once, by the check of the template below
        self._template(step, text, path)

    def _template(self, step: Step, text: str, path: str) -> None:
        try:
            found = templates.references(text)
        except Malformed as error:
            self._findings.error(path, error.message, error.hint)
            return
        self._references(step, found, path)

    def _references(self, step: Step, found: list[Reference], path: str) -> None:
        for wanted in found:
            if self._findings.full:
                return
            match wanted.path[0]:
                case "steps":
                    self._step(step, wanted, path)
                case "variables":
                    self._variable(wanted, path)
                case "input" if self._job.inputs is not None and len(wanted.path) > 1:
                    self._input(wanted, path, str(wanted.path[1]))
                case root if root not in ROOTS:
                    hint = words.nearest(str(root), ROOTS)
                    self._error(wanted, path, f"there is no `{words.cut(str(root))}` to refer to", hint)
                case root if root not in _OBJECTS and len(wanted.path) > 1:
                    self._error(wanted, path, f"`{root}` is a text and has nothing inside")
                case _:
                    pass

    def _variable(self, wanted: Reference, path: str) -> None:
        if len(wanted.path) == 1 or wanted.optional or self._variables is None or self._findings.warned:
            return
        name = str(wanted.path[1])
        if name not in self._variables:
            hint = words.close(name, self._variables)
            self._warn(wanted, path, f"the variable `{words.cut(name)}` is not defined (yet)", hint)

    def _input(self, wanted: Reference, path: str, name: str) -> None:
        """An input that the job does not declare is never given; one that may be left out is not always there."""
        assert self._job.inputs is not None
        declared = self._job.inputs.get(name)
        if declared is None:
            hint = words.nearest(name, self._job.inputs)
            tell = self._warn if wanted.optional else self._error
            tell(wanted, path, f"the job declares no input `{words.cut(name)}`", hint)
        elif not declared.required and declared.default is UNSET and not wanted.optional:
            hint = "give a default with `??`, or the input a `default`"
            self._warn(wanted, path, f"the input `{name}` may be left out", hint)

    def _step(self, step: Step, wanted: Reference, path: str) -> None:
        if len(wanted.path) == 1:
            return
        earlier = wanted.path[1]
        if not isinstance(earlier, str) or earlier not in self._job.order:
            hint = words.nearest(str(earlier), self._job.order)
            self._error(wanted, path, f"there is no step `{words.cut(str(earlier))}`", hint)
            return
        if not self._field(wanted, path, earlier):
            return
        if self._flow is not None and self._flow.can_run(step.id):
            self._order(step, wanted, path, earlier)

    def _field(self, wanted: Reference, path: str, earlier: str) -> bool:
        field = wanted.path[2] if len(wanted.path) > 2 else "output"
        if field not in STEP_FIELDS:
            hint = words.nearest(str(field), STEP_FIELDS)
            self._error(wanted, path, f"a step has no `{words.cut(str(field))}`", hint)
            return False
        if field == "response" and self._job.step(earlier).type != "http":
            message = f"`response` is for http steps; `{earlier}` is a {self._job.step(earlier).type} step"
            self._error(wanted, path, message, "write `output`")
            return False
        return True

    def _order(self, step: Step, wanted: Reference, path: str, earlier: str) -> None:
        assert self._flow is not None
        possible = self._flow.may_precede(earlier, step.id)
        if not possible and self._flow.free:
            self._warn(wanted, path, f"only a module's routing could run `{earlier}` before `{step.id}`")
        elif not possible:
            message = f"`{earlier}` can never have run before `{step.id}`"
            if wanted.optional or wanted.path[2:3] == ("status",) or len(wanted.path) == 2:
                self._warn(wanted, path, message)
            else:
                self._error(wanted, path, message)
        elif not wanted.optional and wanted.path[2:3] in {("output",), ("response",)}:
            self._may_be_missing(step, wanted, path, self._job.step(earlier))

    def _may_be_missing(self, step: Step, wanted: Reference, path: str, earlier: Step) -> None:
        """A warning for what the definition itself says can happen; routing is left out, since it may ensure both."""
        if earlier.id == step.id or (step.condition is not None and _guards(step.condition, earlier)):
            return
        hint = "give a default with `??`"
        if earlier.condition is not None:
            self._warn(wanted, path, f"`{earlier.id}` has a condition: skipped, it has no output", hint)
        elif earlier.on_failure == "continue":
            self._warn(wanted, path, f"`{earlier.id}` continues on failure: failed, it may have no output", hint)

    def _error(self, wanted: Reference, path: str, message: str, hint: str = "") -> None:
        self._findings.error(path, f"column {wanted.column}: {message}", hint)

    def _warn(self, wanted: Reference, path: str, message: str, hint: str = "") -> None:
        self._findings.warn(path, f"column {wanted.column}: {message}", hint)


def _guards(condition: str, earlier: Step) -> bool:
    """Whether a condition already asks about the earlier step, or is the very one that the earlier step has."""
    if condition == earlier.condition:
        return True
    try:
        found = templates.within(expressions.condition(condition))
        return any(each.path[:2] == ("steps", earlier.id) for each in found)
    except Malformed:
        return False


def _strings(value: Json, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case list() | tuple():
            for place, each in enumerate(value):
                yield from _strings(each, words.child(path, place))
        case dict():
            for key, each in value.items():
                yield from _strings(each, words.child(path, key))
        case _:
            pass
