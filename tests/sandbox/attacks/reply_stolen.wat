;; Takes a reply that no call of its own left.
;; expect: succeeded
(module
  (import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (if (i32.ne (call $take (i32.const 2048) (i32.const 60000)) (i32.const -1)) (then (unreachable)))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
