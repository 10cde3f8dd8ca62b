"""What the file step does to rows on their way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from tests.support.steps import failure_of, output_of
from tests.support.tables import read, rows

pytestmark = pytest.mark.requirement("H4.3")


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


async def test_columns_are_renamed_then_converted_then_filtered(files: Blobs) -> None:
    output = output_of(
        await read(
            files,
            b"Unit Price,When,Ok,Name\n1.50,2026-11-23 10:00:00,yes,a\n0,2026-11-24,no,b\n,,,c\n",
            transformations={
                "column_mapping": {"Unit Price": "unit_price"},
                "type_conversion": {"unit_price": "number", "When": "date", "Ok": "boolean"},
                "filter": "(unit_price ?? 1) > 0",
            },
        )
    )
    assert output["data"] == [
        {"unit_price": 1.5, "When": "2026-11-23", "Ok": True, "Name": "a"},
        {"unit_price": None, "When": None, "Ok": None, "Name": "c"},
    ]
    assert output["summary"]["unit_price"] == {"count": 1, "nulls": 1, "min": 1.5, "max": 1.5, "sum": 1.5}


async def test_a_filter_reaches_any_column_by_row(files: Blobs) -> None:
    found = await rows(files, b"unit price,s\n1,x\n2,y\n", transformations={"filter": 'row["unit price"] == "2"'})
    assert found == [{"unit price": "2", "s": "y"}]


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("integer", " 12 ", 12),
        ("integer", str(2**70), 2**70),
        ("number", "-1.5e3", -1500.0),
        ("number", "7", 7),
        ("boolean", "TRUE", True),
        ("datetime", "2026-11-23T10:00:00+00:00", "2026-11-23T10:00:00Z"),
        ("datetime", "2026-11-23", "2026-11-23T00:00:00"),
        ("string", "007", "007"),
        ("integer", "", None),
    ],
)
async def test_texts_are_converted(files: Blobs, kind: str, text: str, wanted: Any) -> None:
    found = await rows(files, f"v,w\n{text},\n".encode(), transformations={"type_conversion": {"v": kind}})
    assert found == [{"v": wanted, "w": ""}]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("integer", "1.5"), ("integer", "1,000"), ("integer", "secret"), ("number", "NaN"), ("number", "1e999")),
        *(
            ("number", "0x10"),
            ("boolean", "maybe"),
            ("date", "23/11/2026"),
            ("date", "2026-02-30"),
            ("datetime", "now"),
        ),
    ],
)
async def test_a_value_of_the_wrong_type_names_row_and_column_and_not_the_value(
    files: Blobs, kind: str, text: str
) -> None:
    data = f'v;w\n;1\n"{text}";2\n'.encode()
    result = await read(
        files, data, {"type": "csv", "delimiter": ";"}, transformations={"type_conversion": {"v": kind}}
    )
    assert "row 3, column 'v'" in failure_of(result)
    assert text not in failure_of(result)


@pytest.mark.parametrize(
    ("transformations", "words"),
    [
        ({"column_mapping": {"nmae": "x"}}, "nmae"),
        ({"column_mapping": {"name": "n"}}, "two columns the name `n`"),
        ({"type_conversion": {"m": "integer"}}, "`m`"),
        ({"type_conversion": {"n": "float"}}, "type_conversion"),
        ({"filter": "n > 5"}, "row 2: filter: cannot compare"),
        ({"filter": "absent == 1"}, "no column `absent`"),
        ({"filter": "n =="}, "column 5"),
        ({"filtre": "n"}, "filtre"),
    ],
)
async def test_a_transformation_that_cannot_be_done_is_a_failure(
    files: Blobs, transformations: Any, words: str
) -> None:
    assert words in failure_of(await read(files, b"name,n\na,1\n", transformations=transformations))


@pytest.mark.parametrize("wrong", ["zz > 1", 'not (row["zz"] == n)', "name in [n, zz]", "zz == 1 or n == 2"])
async def test_a_filter_is_held_against_the_columns_of_a_file_without_rows(files: Blobs, wrong: str) -> None:
    assert "`" in failure_of(await read(files, b"name,n\n", transformations={"filter": wrong}))
    for right in (wrong.replace("zz", "n"), "(zz ?? 1) > 0", "n == 2 and zz == 1"):
        assert output_of(await read(files, b"name,n\n", transformations={"filter": right}))["row_count"] == 0
