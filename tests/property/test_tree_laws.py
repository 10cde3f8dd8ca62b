"""The tree behind `/out` against a model that a reader can check: a dictionary of paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hengio.sandbox.wasmtime.directories.content import Written
from hengio.sandbox.wasmtime.directories.paths import Path, resolve
from hengio.sandbox.wasmtime.directories.quota import ENTRY_BYTES, Quota
from hengio.sandbox.wasmtime.directories.tree import Tree
from hengio.sandbox.wasmtime.errno import Errno, Fault

LIMIT = 4 * ENTRY_BYTES
PATH = st.lists(st.sampled_from("ab"), max_size=3).map(tuple)
SIZE = st.integers(0, 2 * ENTRY_BYTES)
STEP = st.one_of(
    st.tuples(st.just("make_file"), PATH),
    st.tuples(st.just("make_folder"), PATH),
    st.tuples(st.just("resize"), PATH, SIZE),
    st.tuples(st.just("remove_file"), PATH),
    st.tuples(st.just("remove_folder"), PATH),
    st.tuples(st.just("rename"), PATH, PATH),
)


class Model:
    """A path is a folder (None) or a file of so many bytes; every folder above one is there, too."""

    def __init__(self) -> None:
        self.known: dict[Path, int | None] = {(): None}

    @property
    def used(self) -> int:
        return ENTRY_BYTES * (len(self.known) - 1) + sum(size or 0 for size in self.known.values())

    def make(self, path: Path, size: int | None) -> None:
        self.reach(path)
        self.need(path not in self.known, Errno.EXIST)
        missing = [path[:length] for length in range(1, len(path)) if path[:length] not in self.known]
        self.need(self.used + ENTRY_BYTES * (len(missing) + 1) <= LIMIT, Errno.DQUOT)
        self.known |= {**dict.fromkeys(missing), path: size}

    def make_file(self, path: Path) -> None:
        self.make(path, 0)

    def make_folder(self, path: Path) -> None:
        self.make(path, None)

    def resize(self, path: Path, size: int) -> None:
        self.there(path)
        before = self.known[path]
        self.need(before is not None, Errno.ISDIR)
        self.need(self.used - (before or 0) + size <= LIMIT or size <= (before or 0), Errno.DQUOT)
        self.known[path] = size

    def remove_file(self, path: Path) -> None:
        self.there(path)
        self.need(self.known[path] is not None, Errno.ISDIR)
        del self.known[path]

    def remove_folder(self, path: Path) -> None:
        self.need(path != (), Errno.BUSY)
        self.there(path)
        self.need(self.known[path] is None, Errno.NOTDIR)
        self.need(self.below(path) == [path], Errno.NOTEMPTY)
        del self.known[path]

    def rename(self, old: Path, new: Path) -> None:
        self.need(old != () != new, Errno.BUSY)
        self.there(old)
        self.reach(new)
        if old == new:
            return
        self.need(new[: len(old)] != old, Errno.INVAL)
        if new in self.known:
            self.need(self.known[old] is None or self.known[new] is not None, Errno.ISDIR)
            self.need(self.known[old] is not None or self.known[new] is None, Errno.NOTDIR)
            self.need(self.below(new) == [new], Errno.NOTEMPTY)
        missing = [new[:length] for length in range(1, len(new)) if new[:length] not in self.known]
        self.need(not missing or self.used + ENTRY_BYTES * len(missing) <= LIMIT, Errno.DQUOT)
        self.known.pop(new, None)
        moved = {new + path[len(old) :]: self.known.pop(path) for path in self.below(old)}
        self.known |= {**dict.fromkeys(missing), **moved}

    def reach(self, path: Path) -> None:
        above = [path[:length] for length in range(len(path))]
        self.need(all(self.known.get(each) is None for each in above), Errno.NOTDIR)

    def there(self, path: Path) -> None:
        self.reach(path)
        self.need(path in self.known, Errno.NOENT)

    def below(self, path: Path) -> list[Path]:
        return [each for each in self.known if each[: len(path)] == path]

    @staticmethod
    def need(holds: bool, errno: Errno) -> None:
        if not holds:
            raise Fault(errno)


def resize(tree: Tree, path: Path, size: int) -> None:
    node = tree.find(path)
    if not isinstance(node, Written):
        raise Fault(Errno.ISDIR)
    node.resize(size)


def answer(act: Callable[..., object], *arguments: object) -> Errno:
    try:
        act(*arguments)
    except Fault as fault:
        return fault.errno
    return Errno.SUCCESS


@pytest.mark.requirement("R2.5", "R3.4")
@given(st.lists(STEP, max_size=30))
@example([("make_file", ("a",)), ("resize", ("a",), LIMIT)])
def test_the_tree_does_what_the_model_does_and_holds_its_quota(steps: list[tuple[Any, ...]]) -> None:
    quota, model = Quota(LIMIT), Model()
    tree = Tree(quota)
    for name, *arguments in steps:
        wanted = answer(getattr(model, name), *arguments)
        found = answer(resize, tree, *arguments) if name == "resize" else answer(getattr(tree, name), *arguments)
        assert found == wanted, (name, arguments)
        files = [(path, size) for path, size in model.known.items() if size is not None]
        assert [(path, file.size) for path, file in tree.files()] == sorted(files)
        assert quota.used == model.used <= LIMIT


@pytest.mark.requirement("R3.4")
@given(st.lists(st.sampled_from(["a", "..", ".", "", "b"]), min_size=1, max_size=8), PATH)
def test_no_path_leads_above_the_folder_it_begins_in(segments: list[str], base: Path) -> None:
    try:
        path, _ = resolve(base, "/".join(segments).encode())
    except Fault as fault:
        assert fault.errno in (Errno.NOTCAPABLE, Errno.NOENT)
        return
    assert path[: len(base)] == base
    assert not {"..", ".", ""} & set(path)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_path_or_an_ordinary_error(raw: bytes) -> None:
    assert answer(resolve, (), raw) in (Errno.SUCCESS, Errno.ILSEQ, Errno.INVAL, Errno.NOENT, Errno.NOTCAPABLE)


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=20)), max_size=10))
def test_what_was_written_is_read_again(writes: list[tuple[int, bytes]]) -> None:
    file, model = Written(Quota(1_000)), bytearray()
    for at, data in writes:
        if at + len(data) > file.size:
            file.resize(at + len(data))
        file.write(at, data)
        model.extend(bytes(max(0, at + len(data) - len(model))))
        model[at : at + len(data)] = data
    assert file.data == bytes(model) == file.read(0, 1_000)
