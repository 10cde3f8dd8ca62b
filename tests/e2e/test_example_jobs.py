"""The example jobs, by the commands of their README, on servers that stand in for a bank and a partner."""

from __future__ import annotations

import csv
import json
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest

from hengio import codec
from hengio.definition.parse import read
from hengio.definition.schema import published
from hengio.definition.validate import Report, validate
from tests.support.criteria import ROOT
from tests.support.processes import Child, free_port

JOBS = ROOT / "examples" / "jobs"
FILES = sorted(path for path in JOBS.iterdir() if path.suffix in {".json", ".yaml"})
README = (JOBS / "README.md").read_text(encoding="utf-8")
SECTIONS = {
    part.partition("\n")[0]: part.partition("```sh\n")[2].partition("```")[0] for part in README.split("\n## ")[1:]
}
BEFORE = SECTIONS.pop("Before you begin")
SERVERS = 'python "$JOBS/servers.py" servers > servers.log &\n'


@dataclass(frozen=True, slots=True)
class Shop:
    """A folder in which somebody follows the README, with the servers of the examples beside it."""

    folder: Path
    http_port: int
    sftp_port: int

    def follow(self, section: str, *, before: str = "```") -> str:
        """Run the commands of a section as they are written, but for paths and ports, or those before the first that
        begins so; each of them must succeed."""
        first = BEFORE.replace(SERVERS, "").replace('"$(mktemp -d)"', shlex.quote(str(self.folder)))
        return self.shell(first + SECTIONS[section].partition(before)[0])

    def shell(self, script: str) -> str:
        ports = script.replace("127.0.0.1:8808", f"127.0.0.1:{self.http_port}")
        ports = ports.replace("127.0.0.1:2222", f"127.0.0.1:{self.sftp_port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", ports], cwd=self.folder / "repository", capture_output=True, check=False
        )
        assert done.returncode == 0, (done.stdout.decode(), done.stderr.decode())
        return done.stdout.decode()

    def hengio(self, *words: str) -> Any:
        command = [sys.executable, "-m", "hengio", *words, "--json"]
        allow = {"HENGIO_NETWORK__ALLOW": f'["127.0.0.1:{self.http_port}"]'}
        done = subprocess.run(command, cwd=self.folder, capture_output=True, env={**os.environ, **allow}, check=False)
        assert done.returncode == 0, (done.stdout.decode(), done.stderr.decode())
        return json.loads(done.stdout)

    def query(self, database: str, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "hengio-data" / "databases" / database)) as opened:
            return opened.execute(query).fetchall()

    def written(self, name: str) -> Path:
        """The one file of that pattern that a step wrote."""
        (found,) = (self.folder / "hengio-data" / "objects" / "files").rglob(name)
        return found

    def requests(self) -> list[dict[str, Any]]:
        """What the servers were sent to keep."""
        file = self.folder / "servers" / "requests.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def remote(self, folder: str) -> list[str]:
        place = self.folder / "servers" / "sftp" / folder
        return sorted(path.name for path in place.iterdir()) if place.exists() else []

    def state(self) -> object:
        """All that a job can change."""
        data = self.folder / "hengio-data"
        databases = {}
        for file in [*(data / "databases").glob("*.db"), data / "hengio.db"]:
            with closing(sqlite3.connect(file)) as opened:
                databases[file.name] = [line for line in opened.iterdump() if "kept_circuits" not in line]
        places = (data / "objects" / "files", data / "objects" / "outputs", self.folder / "servers" / "sftp")
        files = sorted(str(path) for place in places for path in place.rglob("*"))
        return databases, files, self.requests()


@contextmanager
def a_shop(folder: Path) -> Iterator[Shop]:
    shop = Shop(folder, free_port(), free_port())
    programs = folder / "repository" / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "hengio").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hengio "$@"\n')
    (programs / "hengio").chmod(0o755)
    (folder / "repository" / "examples").symlink_to(ROOT / "examples")
    assert SERVERS in BEFORE
    ports = ["--http-port", str(shop.http_port), "--sftp-port", str(shop.sftp_port)]
    command = [sys.executable, str(JOBS / "servers.py"), "servers", *ports]
    servers = Child(command, log=folder / "servers.log")
    try:
        servers.wait_until((folder / "servers" / "host_key").exists)
        yield shop
    finally:
        servers.stop()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with a_shop(tmp_path) as opened:
        yield opened


def rows(file: Path, *, delimiter: str = ",") -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, delimiter=delimiter))


def judged(file: Path) -> Report:
    return validate(read(file.read_bytes()))


def assert_a_dry_run_changes_nothing(shop: Shop, job: str, *options: str) -> list[str]:
    """The kinds of changes that it lists."""
    before = shop.state()
    told = shop.hengio("job", "dry-run", job, *options)
    assert told["status"] == "success"
    assert shop.state() == before
    return [change["kind"] for change in told["changes"]]


def test_every_definition_has_its_section_in_the_readme_and_each_section_is_run_here() -> None:
    assert {read(file.read_bytes())["name"] for file in FILES} == set(SECTIONS)
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'shop.follow("{section}")' in tests for section in SECTIONS)
    assert all(f"({file.name})" in README for file in FILES)


@pytest.mark.requirement("R13.1", "H3.1")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_definition_is_valid_also_by_the_published_schema(file: Path) -> None:
    report = judged(file)
    assert report.errors == ()
    assert report.normalized is not None
    jsonschema.validate(report.normalized, published())
    if file.name != "existing-system.json":
        jsonschema.validate(read(file.read_bytes()), published())


@pytest.mark.requirement("H4.1", "H3.1")
def test_exchange_rates_are_passed_on_once_a_day(shop: Shop) -> None:
    told = shop.follow("exchange-rates")
    assert "demo-token-2026" not in told
    (request,) = shop.requests()
    assert request["key"] == f"rates-{request['body']['date']}"
    assert (request["body"]["branch"], len(request["body"]["rates"])) == ("HCM-01", 4)
    assert request["body"]["rates"][0] == {"currency": "USD", "buy": 26110, "sell": 26360}
    assert assert_a_dry_run_changes_nothing(shop, "exchange-rates") == ["http"]


@pytest.mark.requirement("H4.2", "H3.1")
def test_sales_are_stored_once_and_the_best_customer_gets_a_voucher(shop: Shop) -> None:
    shop.follow("daily-sales")
    assert shop.query("shop.db", "SELECT COUNT(*), SUM(amount) FROM receipts") == [(6, 25_690_000)]
    assert shop.query("shop.db", "SELECT * FROM vouchers") == [("2026-11-25", "Trần Văn Hùng")]
    given = str(JOBS / "data" / "receipts.json")
    assert assert_a_dry_run_changes_nothing(shop, "daily-sales", "--input", given) == ["database"] * 4


@pytest.mark.requirement("H4.2")
def test_the_same_statements_run_on_postgresql(shop: Shop, postgres_url: str) -> None:
    shop.shell(f"cd ..; export PATH=$PWD/repository/.venv/bin:$PATH; hengio connection set shop {postgres_url!r}")
    ran = shop.hengio(
        "job", "run", str(JOBS / "daily-sales.json"), "--input", str(JOBS / "data" / "receipts.json"), "--full"
    )
    outputs = {step["id"]: step["output"] for step in ran["steps"]}
    assert outputs["totals"]["rows"][0] == {"customer": "Trần Văn Hùng", "receipts": 2, "total": 14_740_000}
    assert outputs["thank"]["affected_rows"] == 1


@pytest.mark.requirement("H2.1")
def test_an_order_that_is_typed_in_is_kept_and_the_webhook_shown(shop: Shop) -> None:
    said = shop.follow("order-arrived")
    assert shop.query("shop.db", "SELECT number, amount, channel FROM arrived") == [("HD-1042", 350_000, "phone")]
    assert "/api/webhooks/" in said and "X-Hengio-Signature" in said


@pytest.mark.requirement("H4.3", "H3.1")
def test_orders_become_workbooks_with_real_numbers_and_dates(shop: Shop) -> None:
    shop.follow("orders-workbook")
    book = openpyxl.load_workbook(shop.written("orders-*.xlsx"))
    assert book.sheetnames == ["Đơn hàng", "Tổng hợp"]
    orders = [*book["Đơn hàng"].values]
    assert len(orders) == 1 + 5
    assert orders[1][5:7] == (4.5, 1_890_000)
    assert dict(book["Tổng hợp"].values)["Doanh thu (VND)"] == 31_820_000
    large = [*openpyxl.load_workbook(shop.written("large-orders.xlsx")).active.values]
    assert [row[0] for row in large[1:]] == ["DH-1002", "DH-1005", "DH-1006"]
    assert (large[1][1].date().isoformat(), large[1][3]) == ("2026-11-23", 9_490_000)
    assert assert_a_dry_run_changes_nothing(shop, "orders-workbook") == ["file", "file"]


@pytest.mark.requirement("H4.4", "H3.1")
def test_statements_are_downloaded_and_acknowledged(shop: Shop) -> None:
    told = shop.follow("bank-statements")
    offered = (shop.folder / "servers" / "host_key").read_text().strip()
    assert f"it offers {offered}" in told
    assert "mau-thu-2026" not in told
    shop.written("VND-2026-11-24.csv")
    assert not [*(shop.folder / "hengio-data").rglob("USD-*")]
    (name,) = shop.remote("acknowledged")
    listed = rows(shop.folder / "servers" / "sftp" / "acknowledged" / name, delimiter=";")
    assert [row["filename"] for row in listed] == ["VND-2026-11-24.csv", "VND-2026-11-25.csv"]
    assert assert_a_dry_run_changes_nothing(shop, "bank-statements") == ["file", "sftp"]


@pytest.mark.requirement("R11.1", "R11.2", "R11.3", "R12.1", "R12.2", "R13.5")
def test_modules_check_score_and_route_and_a_failure_has_its_step(shop: Shop) -> None:
    shop.follow("strike-check")
    assert len(rows(shop.written("severe-strikes.csv"))) == 300
    assert len(rows(shop.written("by-region.csv"))) == 4
    assert {row["code"] for row in rows(shop.written("refused.csv"))} >= {"too_many_rejected"}
    assert assert_a_dry_run_changes_nothing(shop, "strike-check") == ["file"]


@pytest.mark.requirement("R11.5", "R12.1", "R12.2", "R13.2", "R13.3", "R13.4", "R13.5")
def test_all_step_types_work_together_and_a_refused_file_only_leads_to_a_complaint(shop: Shop) -> None:
    told = shop.follow("strike-report")
    assert "demo-token-2026" not in told
    alert, report, complaint = shop.requests()
    assert alert["body"]["text"] == "300 of 9923 strikes are severe"
    assert (report["body"]["kept"], report["body"]["rejected"], report["body"]["alarm"]) == (9_923, 77, True)
    assert "invalid" in complaint["body"]["reason"]
    assert [each["path"] for each in (alert, report, complaint)] == ["/alerts", "/reports", "/complaints"]
    assert shop.query("strikes.db", "SELECT COUNT(*) FROM strikes") == [(9_923,)]
    (workbook,) = shop.remote("inbox")
    assert report["body"]["file"] == f"inbox/{workbook}"
    sent = openpyxl.load_workbook(shop.folder / "servers" / "sftp" / "inbox" / workbook)
    assert sent["Severe strikes"].max_row == 1 + 300
    kinds = assert_a_dry_run_changes_nothing(shop, "strike-report")
    assert sorted(kinds) == ["database", "database", "file", "file", "http", "http", "sftp"]


@pytest.mark.requirement("R12.2", "R12.3", "R12.4", "R13.4")
def test_with_a_higher_limit_no_alarm_is_raised_and_both_branches_meet(shop: Shop) -> None:
    shop.follow("strike-report", before="hengio job dry-run")
    (shop.folder / "input.json").write_text('{"alert_above": 500}')
    ran = shop.hengio("job", "run", "strike-report", "--input", "input.json")
    kinds = {step["id"]: step["kind"] for step in ran["steps"]}
    assert (kinds["alarm"], kinds["complain"]) == ("routed", "routed")
    assert {kinds[step] for step in ("store", "workbook", "deliver", "rejected", "done")} == {"succeeded"}
    order = [step["id"] for step in ran["steps"]]
    assert order.index("done") > max(order.index("deliver"), order.index("rejected"))
    assert [each["path"] for each in shop.requests()] == ["/reports"]


@pytest.mark.requirement("H3.1", "H3.2", "H3.3", "H3.4", "H7.1")
def test_a_definition_of_the_existing_system_is_imported_as_it_was_written(shop: Shop) -> None:
    shop.follow("Đối soát cuối ngày")
    (request,) = shop.requests()
    assert (request["path"], request["body"]["accounts"]) == ("/reconciliations", 2)
    listed = rows(shop.written("doi-soat-*.csv"), delimiter=";")
    assert [row["counted"] for row in listed] == ["12500000", "14470000"]
    kept = shop.hengio("job", "show", "Đối soát cuối ngày")["definition"]
    assert [step["type"] for step in kept["steps"]] == ["database", "file_processing", "http"]
    assert kept["steps"][0]["retry"] == {"max_retries": 2}
    assert kept["notes"]["ignored"] == "{{this is not a template}}"
    assert codec.decode(codec.encode(kept)) == judged(JOBS / "existing-system.json").normalized
    assert assert_a_dry_run_changes_nothing(shop, "Đối soát cuối ngày") == ["file", "http"]
