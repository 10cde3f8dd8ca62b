;; Calls a null entry of a table.
;; expect: trapped
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (call_indirect (type $t) (i32.const 0)))
  (type $t (func (result i64)))
  (table 1 funcref))
