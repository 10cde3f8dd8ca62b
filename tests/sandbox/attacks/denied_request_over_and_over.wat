;; Asks the world outside ten thousand times without a grant.
;; expect: succeeded
;; limits: timeout_seconds=30
(module
  (import "hengio_v1" "http_request" (func $http (param i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $i i32)
    (loop $again
      (if (i64.ne (i64.shr_u (call $http (i32.const 64) (i32.const 41)) (i64.const 32)) (i64.const 2)) (then (unreachable)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10000))))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 64) "{\"method\":\"GET\",\"url\":\"http://127.0.0.1/\"}"))
