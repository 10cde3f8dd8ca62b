"""Makes the host calls that its input lists and answers with what came back: a component."""

import base64
import json
from collections.abc import Callable
from typing import Any

import wit_world
from componentize_py_types import Err
from wit_world.imports import host

CODES = ["", "not_found", "permission_denied"]


def call(step: dict[str, Any]) -> Any:
    """The reply to one call."""
    name, path = step["call"], step.get("path", "")
    asks: dict[str, Callable[[], Any]] = {
        "get_context": lambda: json.loads(host.get_context(path)),
        "set_context": lambda: host.set_context(path, json.dumps(step["value"])),
        "http_request": lambda: json.loads(host.http_request(json.dumps(step["request"]))),
        "db_query": lambda: json.loads(host.db_query(json.dumps(step["request"]))),
        "file_read": lambda: json.loads(base64.b64decode(host.file_read(path))),
        "file_write": lambda: json.loads(host.file_write(path, _encoded(step["value"]))),
    }
    return asks[name]() if name in asks else host.log(host.Level.INFO, step["message"])


def _encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def told(step: dict[str, Any]) -> dict[str, Any]:
    """Status and reply of one call."""
    try:
        return {"status": 0, "reply": call(step)}
    except Err as error:
        reply = json.loads(error.value)
        return {"status": CODES.index(reply["code"]), "reply": reply}


class WitWorld(wit_world.WitWorld):
    def run(self, _function: str, data: str) -> str:
        given = json.loads(data)
        return json.dumps([told(step) for step in given["input"]["do"]], ensure_ascii=False)
