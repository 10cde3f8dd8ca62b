;; Grows memory between two host calls, so that it moves, and writes into the new part.
;; expect: succeeded
(module
  (import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))
  (import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))
  (import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (call $set (i32.const 16) (i32.const 1) (i32.const 8) (i32.const 4)))
    (drop (memory.grow (i32.const 900)))
    (i64.store (i32.const 32000000) (i64.const 0x2e73656c62616972))
    (i64.store (i32.const 31999992) (i64.const 0x6176000000000000))
    (drop (call $get (i32.const 8) (i32.const 1)))
    (drop (call $take (i32.const 50000000) (i32.const 1000)))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 16) "a"))
