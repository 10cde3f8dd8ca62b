;; Loads at the very end of the address space.
;; expect: trapped
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (i64.load offset=4294967288 (i32.const -8))))
