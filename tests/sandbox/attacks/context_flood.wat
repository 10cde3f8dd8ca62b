;; Writes a megabyte into the context a thousand times.
;; expect: succeeded
(module
  (import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $i i32)
    (drop (memory.grow (i32.const 20)))
    (memory.fill (i32.const 2048) (i32.const 32) (i32.const 900000))
    (i32.store8 (i32.const 2048) (i32.const 49))
    (loop $again
      (drop (call $set (i32.const 8) (i32.const 4) (i32.const 2048) (i32.const 900000)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
