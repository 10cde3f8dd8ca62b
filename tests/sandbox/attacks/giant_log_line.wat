;; Logs one line of sixty megabytes.
;; expect: succeeded
(module
  (import "hengio_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (memory.grow (i32.const 950)))
    (call $log (i32.const 1) (i32.const 2048) (i32.const 60000000))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
