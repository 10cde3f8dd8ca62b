;; Asks for sixty megabytes of random bytes again and again.
;; expect: timed_out
;; limits: timeout_seconds=0.3
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (memory.grow (i32.const 950)))
    (loop $again (drop (call $random (i32.const 2048) (i32.const 60000000))) (br $again))
    (unreachable)))
