;; Ends the process, it hopes.
;; expect: trapped
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (call $exit (i32.const 0))
    (unreachable)))
