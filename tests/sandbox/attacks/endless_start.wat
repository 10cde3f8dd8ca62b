;; Its start function never returns, before any entry is called.
;; expect: timed_out
;; limits: timeout_seconds=0.2 fuel=1000000000000000
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (i64.const 0))
  (func $begin (loop $again (br $again)))
  (start $begin))
