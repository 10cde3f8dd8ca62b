"""Checks of what a definition needs from outside itself: modules, variables, connections (H3, R13.1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from hengio.definition import words
from hengio.definition.findings import Findings
from hengio.definition.templates import is_template
from hengio.model.module import ModuleFacts
from hengio.model.reference import is_reference
from hengio.model.step import Step

_MIB = 1 << 20


class Catalog(Protocol):
    """What is known of the world outside the definition. None for `variables` or `connections`: not known here."""

    @property
    def variables(self) -> Collection[str] | None: ...

    @property
    def connections(self) -> Collection[str] | None: ...

    @property
    def modules(self) -> Collection[str]:
        """Every module there is, as `name@version`."""
        ...

    def module(self, reference: str) -> ModuleFacts | None:
        """The module that a `module_id` in any of its spellings names now; None if there is none."""
        ...


def check(step: Step, findings: Findings, path: str, *, catalog: Catalog) -> None:
    """Tell what the step names and the catalog does not have. A missing module is an error, the rest may still come."""
    match step.type:
        case "wasm":
            _check_module(step, findings, path, catalog)
            _check_secrets(step, findings, path, catalog.variables)
        case "database" | "http" | "sftp":
            _check_connection(step, findings, path, catalog.connections)
        case _:
            pass


def _check_module(step: Step, findings: Findings, path: str, catalog: Catalog) -> None:
    reference = step.config.get("module_id")
    if not isinstance(reference, str) or is_template(reference) or not is_reference(reference):
        return  # a form that names nothing is told by the check of the step's content
    facts = catalog.module(reference)
    if facts is None:
        findings.error(
            f"{path}.config.module_id", f"there is no module `{words.cut(reference)}`", _there_is(catalog.modules)
        )
        return
    function = step.config.get("function_name", "run")
    named = isinstance(function, str) and not is_template(function)
    if facts.kind == "reactor" and named and function not in facts.entries:
        message = f"the module `{words.cut(reference)}` has no entry `{words.cut(function)}`"
        findings.error(f"{path}.config.function_name", message, words.nearest(function, facts.entries))
    _check_memory(step, findings, path, facts.memory_minimum_bytes)


def _there_is(modules: Collection[str]) -> str:
    return f"registered modules: {words.listed(sorted(modules)) or 'none'}"


def _check_memory(step: Step, findings: Findings, path: str, needed: int) -> None:
    limit = step.config.get("memory_limit_mb")
    if isinstance(limit, int) and needed > limit * _MIB:
        message = f"the module starts with {-(-needed // _MIB)} MiB, more than the limit of {limit}"
        findings.error(f"{path}.config.memory_limit_mb", message)


def _check_secrets(step: Step, findings: Findings, path: str, known: Collection[str] | None) -> None:
    listed = step.config.get("secrets", [])
    for place, name in enumerate(listed if known is not None and isinstance(listed, (list, tuple)) else []):
        if isinstance(name, str) and known is not None and name not in known and not is_template(name):
            message = f"the variable `{words.cut(name)}` is not defined (yet)"
            findings.warn(f"{path}.config.secrets[{place}]", message, words.close(name, known))


def _check_connection(step: Step, findings: Findings, path: str, known: Collection[str] | None) -> None:
    name = step.config.get("connection")
    if known is not None and isinstance(name, str) and not is_template(name) and name not in known:
        message = f"the connection `{words.cut(name)}` is not defined (yet)"
        findings.warn(f"{path}.config.connection", message, words.close(name, known))
