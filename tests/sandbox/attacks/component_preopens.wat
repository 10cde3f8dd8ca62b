;; A component that looks for a directory, and ends well only if there is none
;; expect: succeeded
(component
  (import "wasi:filesystem/types@0.2.0" (instance $types (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $descriptor'))
    (export "descriptor" (type $d (eq $descriptor')))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))
  (core module $Libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size)))))
  (core instance $libc (instantiate $Libc))
  (core func $directories (canon lower (func $preopens "get-directories") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (import "host" "directories" (func $directories (param i32)))
    (data (i32.const 64) "1")
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (call $directories (i32.const 128)) (if (i32.load (i32.const 132)) (then (unreachable))) (i32.store (i32.const 20) (i32.const 64)) (i32.store (i32.const 24) (i32.const 1)) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))
    (with "host" (instance
      (export "directories" (func $directories))))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
