"""Modules from the command line: signed by their author, registered, followed, looked over and taken away."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.artefacts import ONE, TWO


class Home:
    """A folder with modules and a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "one.wasm").write_bytes(ONE)
        (folder / "two.wasm").write_bytes(TWO)

    def text(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hengio", *words],
            capture_output=True,
            timeout=120,
            check=False,
            cwd=self.folder,
            env={**os.environ, "HENGIO_DATA_DIR": str(self.folder / "data"), "COLUMNS": "300"},
        )
        assert done.returncode == code, (words, done.stdout.decode(), done.stderr.decode())
        return done.stdout.decode() + done.stderr.decode()

    def json(self, *words: str, code: int = 0) -> Any:
        done = self.text(*words, "--json", code=code)
        return json.JSONDecoder().raw_decode(done)[0]


@pytest.fixture(name="home")
def make_home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.requirement("R6.5", "R6.6", "R6.7", "R14.1", "R14.2")
def test_a_module_from_its_authors_key_to_its_deletion(home: Home) -> None:
    made = home.json("module", "keygen", "ana")
    assert stat.S_IMODE((home.folder / "ana.key").stat().st_mode) == 0o600
    sign = ("module", "sign", "one.wasm", "one@1.0.0", "--key", "ana.key", "--permission", "file:read in/**")
    assert home.json(*sign)["file"] == "one.wasm.signature.json"
    verify = ("module", "verify", "one.wasm", "one.wasm.signature.json")
    assert home.json(*verify, "--key", "ana.pub")["valid"] is True
    assert home.json("author", "add", "ana", "--key", "ana.pub", "--modules", "one*")["id"] == made["key_id"]
    assert home.json(*verify)["author"] == "ana"
    register = ("module", "register", "one@1.0.0=one.wasm", "--signature", "one.wasm.signature.json")
    assert home.json(*register)["modules"][0]["key_id"] == made["key_id"]
    [listed] = home.json("module", "list", "--search", "ON")
    assert (listed["requested"], listed["permissions"]) == ([{"permission": "file:read", "resource": "in/**"}], [])
    shown = home.json("module", "show", "one")
    assert (shown["signature"]["state"], shown["signature"]["author"]) == ("valid", "ana")
    assert "one@1.0.0" in home.text("module", "list")
    assert "valid, by ana" in home.text("module", "show", "one")
    home.text("module", "download", "one", "-o", "again.wasm")
    assert (home.folder / "again.wasm").read_bytes() == ONE
    assert [key["author"] for key in home.json("author", "revoke", "ana", "--reason", "lost")] == ["ana"]
    assert "lost" in home.text("author", "list")
    assert home.json("module", "show", "one")["signature"]["state"] == "key_revoked"
    assert home.json(*verify, code=10)["problem"].endswith("was revoked")
    assert home.json("module", "disable", "one@1.0.0")["enabled"] is False
    assert home.json("module", "delete", "one@1.0.0")["deleted"] == "one@1.0.0"
    assert home.json("module", "list") == []


@pytest.mark.requirement("R14.2")
def test_what_is_not_signed_as_it_must_be_is_told_with_its_code(home: Home) -> None:
    home.text("module", "keygen", "ana")
    home.text("module", "sign", "one.wasm", "one@1.0.0", "--key", "ana.key")
    letter = ("--signature", "one.wasm.signature.json")
    told = home.json("module", "register", "one@1.0.0=one.wasm", *letter, code=2)
    assert told["error"]["code"] == "key_unknown"
    home.text("author", "add", "ana", "--key", "ana.pub")
    assert home.json("module", "register", "one@1.0.0=two.wasm", *letter, code=2)["error"]["code"] == "refused"
    assert "none of the modules" in home.text("module", "register", "two=two.wasm", *letter, code=2)
    assert home.json("module", "verify", "two.wasm", letter[1], code=10)["valid"] is False
    assert "private key" in home.text("author", "add", "eve", "--key", "ana.key", code=2)
    assert "is there already" in home.text("module", "keygen", "ana", code=2)
    home.text("module", "register", "one@1.0.0=one.wasm", *letter)


def test_a_channel_is_set_shown_promoted_and_rolled_back(home: Home) -> None:
    home.text("module", "register", "m@1.0.0=one.wasm", "m@2.0.0=two.wasm")
    home.text("module", "channel", "m", "stable", "1.0.0")
    assert home.json("module", "channel", "m", "canary", "2.0.0", "--percent", "5")["percent"] == 5
    assert "5 % of stable" in home.text("module", "channel", "m")
    home.text("module", "channel", "m", "canary", "--end", "--note", "slow")
    home.text("module", "channel", "m", "canary", "2.0.0")
    assert home.json("module", "promote", "m")["version"] == "2.0.0"
    refused = home.json("module", "delete", "m@2.0.0", code=4)
    assert "the channel m@stable" in refused["error"]["message"]
    assert home.json("module", "rollback", "m")["version"] == "1.0.0"
    told = home.json("module", "channel", "m")
    assert [one["why"] for one in told["history"]].count("promoted") == 2
    assert "slow" in [one["note"] for one in told["history"]]
    for words, code in (
        (("stable", "--end"), 2),
        (("stable",), 2),
        (("canary", "1.0.0", "--end"), 2),
        (("stable", "9.0.0"), 3),
    ):
        home.text("module", "channel", "m", *words, code=code)


def test_deleting_asks_where_nobody_can_be_asked(home: Home) -> None:
    home.text("module", "register", "m=one.wasm")
    assert "needs --yes" in home.text("module", "delete", "m@0.0.1", code=2)
    home.text("module", "delete", "m@0.0.1", "--yes")


@pytest.mark.requirement("R6.5")
@pytest.mark.parametrize("to", ["image", "image.tar"])
def test_a_module_is_exported_and_imported(home: Home, to: str) -> None:
    home.text("module", "register", "m@1.0.0=one.wasm", "--grant", "m=file:read in/*")
    assert home.json("module", "export", "m", to)["image"] == to
    assert "is there already" in home.text("module", "export", "m", to, code=4)
    there = ("--data-dir", "there")
    taken = home.json("module", "import", to, *there)
    assert (taken["name"], taken["version"], taken["permissions"]) == ("m", "1.0.0", [])
    assert home.json("module", "import", to, "--as", "n@2.0.0", *there)["name"] == "n"
    home.text("module", "download", "n", "-o", "again.wasm", *there)
    assert (home.folder / "again.wasm").read_bytes() == ONE
