;; Its entry takes and returns other types: calling it unchecked would read a stranger's memory.
;; expect: refused
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func (export "run") (param i64 f64) (result externref) (ref.null extern)))
