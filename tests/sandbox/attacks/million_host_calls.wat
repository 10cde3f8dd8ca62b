;; Calls its host a million times.
;; expect: succeeded
;; limits: timeout_seconds=60
(module
  (import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $i i32)
    (loop $again
      (drop (call $get (i32.const 8) (i32.const 4)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
