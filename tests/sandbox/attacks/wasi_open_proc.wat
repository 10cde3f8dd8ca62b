;; Opens `/proc/self/environ` under every descriptor that a directory could have.
;; expect: succeeded
(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $fd i32)
    (loop $again
      (if (i32.eqz (call $open (local.get $fd) (i32.const 1) (i32.const 64) (i32.const 18) (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 256))) (then (unreachable)))
      (br_if $again (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 64))))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 64) "/proc/self/environ"))
