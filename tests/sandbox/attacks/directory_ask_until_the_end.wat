;; Lists `/in` without end, for which it has too little time.
;; expect: timed_out
;; grants: file:read inbox/** file:write out/**
;; limits: timeout_seconds=0.3 fuel=1000000000000
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (loop $again
      (drop (call $fd_readdir (i32.const 3) (i32.const 4096) (i32.const 64) (i64.const 0) (i32.const 96)))
      (br $again))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
