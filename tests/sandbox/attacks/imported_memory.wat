;; Imports its memory.
;; expect: refused
(module
  (import "env" "memory" (memory 1))
  
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (i64.const 0)))
