;; Returns more bytes than it may.
;; expect: invalid_output
;; limits: output_bytes=1000
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (memory.grow (i32.const 100)))
    (i64.const 6000000)))
