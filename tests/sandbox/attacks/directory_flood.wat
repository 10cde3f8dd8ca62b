;; Writes 60 kB at a time into `/out` for as long as it may.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
;; limits: file_bytes=2000000
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $open (param $fd i32) (param $at i32) (param $length i32) (param $ways i32) (result i32)
    (call $path_open (local.get $fd) (i32.const 0) (local.get $at) (local.get $length) (local.get $ways)
      (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 32)))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $error i32)
    (call $must (call $open (i32.const 4) (i32.const 2048) (i32.const 5) (i32.const 1)) (i32.const 0))
    (loop $again
      (local.set $error (call $fd_write (i32.load (i32.const 32)) (i32.const 64) (i32.const 1) (i32.const 96)))
      (br_if $again (i32.eqz (local.get $error))))
    (call $must (local.get $error) (i32.const 19))
    (call $must (call $path_unlink_file (i32.const 4) (i32.const 2048) (i32.const 5)) (i32.const 0))
    (call $must (call $open (i32.const 4) (i32.const 2048) (i32.const 5) (i32.const 1)) (i32.const 0))
    (call $must (call $fd_write (i32.load (i32.const 32)) (i32.const 64) (i32.const 1) (i32.const 96)) (i32.const 19))
    (call $must (call $path_unlink_file (i32.const 4) (i32.const 2048) (i32.const 5)) (i32.const 0))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 2048) "out/x")
  (data (i32.const 64) "\00\00\00\00\60\ea\00\00"))
