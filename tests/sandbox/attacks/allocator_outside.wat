;; Its allocator answers with an address outside memory.
;; expect: trapped
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const -2))
  (func (export "run") (param i32 i32) (result i64) (i64.const 0)))
