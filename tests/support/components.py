"""Small components, written as text around a common frame."""

from __future__ import annotations

from tests.support.guests import module

_HOST = """
  (import "hengio:module/host@1.0.0" (instance $host
    (type $Level (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $Level)))
    (export "log" (func (param "level" $level) (param "line" string)))
    (export "get-context" (func (param "path" string) (result (result string (error string)))))
    (export "set-context" (func (param "key" string) (param "value" string) (result (result (error string)))))
    (export "http-request" (func (param "request" string) (result (result string (error string)))))
    (export "db-query" (func (param "request" string) (result (result string (error string)))))
    (export "file-read" (func (param "path" string) (result (result string (error string)))))
    (export "file-write" (func (param "path" string) (param "data" string) (result (result string (error string)))))))
"""
_FUNCTIONS = {
    "log": "i32 i32 i32",
    "get-context": "i32 i32 i32",
    "set-context": "i32 i32 i32 i32 i32",
    "http-request": "i32 i32 i32",
    "db-query": "i32 i32 i32",
    "file-read": "i32 i32 i32",
    "file-write": "i32 i32 i32 i32 i32",
}
_OPTIONS = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'


def component(code: str, *, data: str = "", memory: str = "1") -> bytes:
    """A component: `code` is the body of `run`, of `$function $function_length $input $input_length`, which leaves the
    address of its result. `$ok` and `$err` make one of a pointer and a length; `$relay` of a host function's answer at
    an address. Host functions are called by their names: `$log`, `$get-context` … with addresses for their results.
    """
    lowered = "\n".join(f'  (core func ${name} (canon lower (func $host "{name}") {_OPTIONS}))' for name in _FUNCTIONS)
    given = " ".join(f'(export "{name}" (func ${name}))' for name in _FUNCTIONS)
    imported = "\n".join(
        f'    (import "host" "{name}" (func ${name} (param {parameters})))' for name, parameters in _FUNCTIONS.items()
    )
    return module(f"""(component {_HOST}
  (core module $Libc
    (memory (export "memory") {memory})
    (global $free (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get 3)))))
  (core instance $libc (instantiate $Libc))
{lowered}
  (core module $Guest
    (import "libc" "memory" (memory 0))
{imported}
    {data}
    (func $result (param $case i32) (param $pointer i32) (param $length i32) (result i32)
      (i32.store8 (i32.const 16) (local.get $case))
      (i32.store (i32.const 20) (local.get $pointer))
      (i32.store (i32.const 24) (local.get $length))
      (i32.const 16))
    (func $ok (param i32 i32) (result i32) (call $result (i32.const 0) (local.get 0) (local.get 1)))
    (func $err (param i32 i32) (result i32) (call $result (i32.const 1) (local.get 0) (local.get 1)))
    (func $relay (param $at i32) (result i32) (call $result (i32.load8_u (local.get $at))
      (i32.load offset=4 (local.get $at)) (i32.load offset=8 (local.get $at))))
    (func (export "run") (param $function i32) (param $function_length i32) (param $input i32)
      (param $input_length i32) (result i32)
      {code}))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc)) (with "host" (instance {given}))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") {_OPTIONS})))""")


ECHO = "(call $ok (local.get $input) (local.get $input_length))"
FAIL = "(call $err (local.get $input) (local.get $input_length))"
