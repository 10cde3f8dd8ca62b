;; Asks for four gibibytes in one step, uses what is not there.
;; expect: out_of_memory
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (memory.grow (i32.const 65000)))
    (i64.load (i32.const 2000000000))))
