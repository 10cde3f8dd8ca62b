;; Looks at files of `/in` without end.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
;; limits: host_calls=2000
(module
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $error i32)
    (loop $again
      (local.set $error (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 2048) (i32.const 12) (i32.const 4096)))
      (br_if $again (i32.eqz (local.get $error))))
    (call $must (local.get $error) (i32.const 19))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 2048) "inbox/a.json"))
