;; A component that asks again and again for what it may not have
;; expect: timed_out
;; limits: timeout_seconds=0.5 fuel=1000000000000 host_calls=1000000000
(component
  (import "hengio:module/host@1.0.0" (instance $host
    (type $Level (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $Level)))
    (export "log" (func (param "level" $level) (param "line" string)))
    (export "get-context" (func (param "path" string) (result (result string (error string)))))
    (export "http-request" (func (param "request" string) (result (result string (error string)))))))
  (core module $Libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
  (core instance $libc (instantiate $Libc))
  (core func $log (canon lower (func $host "log") (memory (core memory $libc "memory"))))
  (core func $get (canon lower (func $host "get-context") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $http (canon lower (func $host "http-request") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "http" (func $http (param i32 i32 i32)))
    (data (i32.const 64) "1")
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (loop $again (call $http (i32.const 0) (i32.const 0) (i32.const 128)) (br $again)) (unreachable)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))
    (with "host" (instance
      (export "log" (func $log))
      (export "get" (func $get))
      (export "http" (func $http))))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
