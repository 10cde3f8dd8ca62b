;; Its allocator never returns.
;; expect: timed_out
;; limits: timeout_seconds=0.2 fuel=1000000000000000
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (loop $again (br $again)) (unreachable))
  (func (export "run") (param i32 i32) (result i64) (i64.const 0)))
