;; A component whose allocator hands out what it has not
;; expect: trapped
(component
  (core module $Libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const -16)))
  (core instance $libc (instantiate $Libc))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (unreachable)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
