;; Fills all memory it may have, over and over: a bulk instruction can not be interrupted.
;; expect: timed_out
;; limits: timeout_seconds=0.2 fuel=1000000000000000
(module
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (drop (memory.grow (i32.const 1000)))
    (loop $again
      (memory.fill (i32.const 2048) (i32.const 255) (i32.const 65000000))
      (br $again))
    (unreachable)))
