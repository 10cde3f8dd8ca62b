;; Reads from every descriptor that its host may have open.
;; expect: succeeded
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $fd i32)
    (local.set $fd (i32.const 3))
    (loop $again
      (if (i32.eqz (call $read (local.get $fd) (i32.const 64) (i32.const 1) (i32.const 96))) (then (unreachable)))
      (br_if $again (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 1024))))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 64) "\00\08\00\00\00\01\00\00"))
