;; Gives `file_write_data` an empty span at the very end of memory: allowed.
;; expect: succeeded
(module
  (import "hengio_v1" "file_write" (func $write (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (call $write (i32.const 8) (i32.const 4) (i32.const 65536) (i32.const 0)))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
