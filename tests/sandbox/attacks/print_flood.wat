;; Prints without end through WASI.
;; expect: timed_out out_of_fuel
;; limits: timeout_seconds=0.5 fuel=1000000000000000
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $print (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (loop $again (drop (call $print (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $again))
    (unreachable))
  (data (i32.const 0) "\10\00\00\00\00\00\01\00"))
