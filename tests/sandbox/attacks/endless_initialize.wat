;; Its `_initialize` never returns.
;; expect: out_of_fuel
;; limits: fuel=100000
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (i64.const 0))
  (func (export "_initialize") (loop $again (br $again))))
