;; Opens the same file until it may not any more.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
(module
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $look (param $fd i32) (param $at i32) (param $length i32) (result i32)
    (call $path_open (local.get $fd) (i32.const 0) (local.get $at) (local.get $length) (i32.const 0)
      (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 32)))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $error i32) (local $count i32)
    (loop $again
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (local.set $error (call $look (i32.const 3) (i32.const 2048) (i32.const 12)))
      (br_if $again (i32.eqz (local.get $error))))
    (call $must (local.get $error) (i32.const 33))
    (if (i32.gt_u (local.get $count) (i32.const 1024)) (then (unreachable)))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 2048) "inbox/a.json"))
