;; Returns JSON nested fifty thousand deep.
;; expect: invalid_output
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (memory.fill (i32.const 2048) (i32.const 91) (i32.const 50000))
    (i64.const 0x000008000000c350)))
