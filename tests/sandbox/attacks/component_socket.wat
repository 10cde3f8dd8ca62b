;; A component that opens a socket, and ends well only if that is denied
;; expect: succeeded
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (type $Code (enum "unknown" "access-denied" "not-supported"))
    (export "error-code" (type (eq $Code)))))
  (alias export $network "error-code" (type $code))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
    (alias outer 1 $code (type $code'))
    (alias outer 1 $socket (type $socket'))
    (type $Family (enum "ipv4" "ipv6"))
    (export "error-code" (type $c (eq $code')))
    (export "tcp-socket" (type $s (eq $socket')))
    (export "ip-address-family" (type $family (eq $Family)))
    (export "create-tcp-socket" (func (param "family" $family) (result (result (own $s) (error $c)))))))
  (core module $Libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size)))))
  (core instance $libc (instantiate $Libc))
  (core func $create (canon lower (func $create "create-tcp-socket") (memory (core memory $libc "memory"))))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (import "host" "create" (func $create (param i32 i32)))
    (data (i32.const 64) "1")
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (call $create (i32.const 0) (i32.const 128)) (if (i32.ne (i32.load8_u (i32.const 128)) (i32.const 1)) (then (unreachable))) (if (i32.ne (i32.load8_u (i32.const 132)) (i32.const 1)) (then (unreachable))) (i32.store (i32.const 20) (i32.const 64)) (i32.store (i32.const 24) (i32.const 1)) (i32.store8 (i32.const 16) (i32.const 0)) (i32.const 16)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))
    (with "host" (instance
      (export "create" (func $create))))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
