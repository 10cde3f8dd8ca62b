;; Recurses without end.
;; expect: stack_overflow
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (call $run (local.get $pointer) (local.get $length))))
