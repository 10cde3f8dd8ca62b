;; A component that never returns
;; expect: timed_out
;; limits: timeout_seconds=0.3 fuel=1000000000000
(component
  (core module $Libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size)))))
  (core instance $libc (instantiate $Libc))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (loop $again (br $again)) (unreachable)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
