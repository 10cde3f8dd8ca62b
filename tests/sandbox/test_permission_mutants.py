"""Each check of a permission is taken out in turn, and some test must notice: a check that nobody misses is none.

The mutants run in a process of their own, against the tests of the capabilities, in copies of the modules.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hengio

ROOT = Path(__file__).parents[2]
PACKAGE = Path(hengio.__file__).parent
HTTP, FILES, DATABASE, GRANTS, FOLDERS, DIRECTORIES, TREE, JOBS = (
    "tests/sandbox/test_http_capability.py",
    "tests/sandbox/test_file_capability.py",
    "tests/sandbox/test_database_capability.py",
    "tests/unit/test_http_grants.py",
    "tests/sandbox/test_folder_capability.py",
    "tests/sandbox/test_directories.py",
    "tests/property/test_tree_laws.py",
    "tests/integration/test_module_grants.py",
)

MUTANTS: dict[tuple[str, str], list[tuple[str, str]]] = {
    (HTTP, "sandbox/host/http.py"): [
        ("if not all(patterns.allows(layer, url)", "if not any(patterns.allows(layer, url)"),
        ("if not all(patterns.allows(layer, url)", "if False and not all(patterns.allows(layer, url)"),
        ("if all(patterns.admits(layer,", "if True or all(patterns.admits(layer,"),
        ("if grant.permission == permission)", "if True)"),
        ("if secret is None or not secret.goes_to(url):", "if secret is None:"),
    ],
    (HTTP, "targets/http/client.py"): [
        ("permit.hop(request.method, request.url)", "pass"),
        ("permit.address(request.method, url, plain(address))", "pass"),
        ("for address in addresses:\n            permit", "for address in addresses[:1]:\n            permit"),
    ],
    (HTTP, "targets/http/redirect.py"): [
        ("if target.origin != request.url.origin:", "if False:"),
    ],
    (GRANTS, "grants/http.py"): [
        ("return is_public(address) or", "return True or"),
        ("same = (self.scheme, self.port) == (target.scheme, target.port)", "same = True"),
        ("return same and glob.matches(", "return same or glob.matches("),
    ],
    (GRANTS, "internet.py"): [
        ("address = plain(address)\n    if", "if"),
        ("or not address.is_global", ""),
        ("return not any(", "return True or any("),
    ],
    (FILES, "sandbox/host/files.py"): [
        ("if not allowed(scope, permission, key):", "if False:"),
        ("grant.permission == permission and", ""),
        ("check_key(ask.request.decode())", "ask.request.decode()"),
    ],
    (FOLDERS, "sandbox/host/folders.py"): [
        ('may = allowed(scope, "file:read", path)', "may = True"),
        ('may = allowed(scope, "file:write", path)', "may = True"),
        ('if _is_key(info.key) and allowed(scope, "file:read", info.key):', "if True:"),
        ('if path or ask.function != "file_list":', "if False:"),
    ],
    (DIRECTORIES, "sandbox/host/outside.py"): [
        ("if all(any(grant.permission == permission", "if any(any(grant.permission == permission"),
        ("any(grant.permission == permission for", "any(True for"),
    ],
    (JOBS, "sandbox/host/outside.py"): [
        ("ask.function not in self.scope.functions", "False"),
        ("name for name in _OFFERED if name in facts.host_functions", "_OFFERED"),
        ("any(function.name == _OPENS_FILES for function in facts.imports)", "True"),
    ],
    (DIRECTORIES, "sandbox/wasmtime/directories/place.py"): [
        ('self._door.ask("file_admit", path)\n        return', "return"),
        ('for path in self._tree.moved(old, new):\n            self._door.ask("file_admit", path)', "pass"),
    ],
    (DIRECTORIES, "sandbox/wasmtime/perform.py"): [
        ("if reading.kind is OutcomeKind.SUCCEEDED and (files", "if (files"),
    ],
    (TREE, "sandbox/wasmtime/directories/paths.py"): [
        ("if len(path) == len(base):", "if not path:"),
    ],
    (TREE, "sandbox/wasmtime/directories/quota.py"): [
        ("if self.used + amount > self.limit:", "if False:"),
    ],
    (DATABASE, "sandbox/host/database.py"): [
        ("if (missing := _unreachable(scope, request.connection)) is not None:", "if False:"),
        ("if (missing := rights.missing(read)) is not None:", "if (missing := None):"),
        ("common = here if common is None else common & here", "common = None"),
        ("if grant.permission == permission]", "]"),
    ],
    (DATABASE, "sandbox/host/statement.py"): [
        ("    _check(tree)\n", ""),
        ("if len(parsed) != 1:", "if False:"),
        ("_ESCAPED_NAME.search(query)", "False"),
        ("        _check_catalog(tree)\n", "        pass\n"),
        ("return function not in _HARMLESS", "return False"),
    ],
    (DATABASE, "targets/sqlite.py"): [
        ('and self._within(action, first or "")', ""),
    ],
}
"""Tests, the file with the checks, and each check with what takes its place."""
EACH = [(tests, file, *mutant) for (tests, file), mutants in MUTANTS.items() for mutant in mutants]


@pytest.mark.requirement("R4.7", "R5.6")
@pytest.mark.parametrize(("tests", "file", "check", "without"), EACH, ids=[f"{one[1]}-{one[2]}" for one in EACH])
def test_a_check_that_is_taken_out_is_missed(tmp_path: Path, tests: str, file: str, check: str, without: str) -> None:
    copy = tmp_path / "src" / "hengio"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = (copy / file).read_text()
    assert check in source, "the check is not where this test looks for it"
    (copy / file).write_text(source.replace(check, without, 1))
    environment = {**os.environ, "PYTHONPATH": f"{copy.parent}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not on_server", tests]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1, f"no test noticed:\n{ended.stdout[-2000:]}{ended.stderr[-500:]}"
