;; Lists folders from places that no listing has, into buffers of no size.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (call $must (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 4096) (i64.const -1) (i32.const 96)) (i32.const 0))
    (call $must (i32.load (i32.const 96)) (i32.const 0))
    (call $must (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 4096) (i64.const 0x8000000000000000) (i32.const 96)) (i32.const 0))
    (call $must (i32.load (i32.const 96)) (i32.const 0))
    (call $must (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 4096) (i64.const 3) (i32.const 96)) (i32.const 0))
    (call $must (i32.load (i32.const 96)) (i32.const 0))
    (call $must (call $fd_readdir (i32.const 3) (i32.const 65536) (i32.const 0) (i64.const 0) (i32.const 96)) (i32.const 0))
    (call $must (i32.load (i32.const 96)) (i32.const 0))
    (call $must (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 30) (i64.const 0) (i32.const 96)) (i32.const 0))
    (call $must (i32.load (i32.const 96)) (i32.const 30))
    (call $must (call $fd_readdir (i32.const 4) (i32.const 4096) (i32.const 4096) (i64.const 0) (i32.const 96)) (i32.const 0))
    (call $must (i32.load (i32.const 96)) (i32.const 51))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
