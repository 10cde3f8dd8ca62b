;; A component that opens its output for ever
;; expect: trapped
(component
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (type $Error (variant (case "closed")))
    (export "stream-error" (type $error (eq $Error)))
    (export "[method]output-stream.write" (func
      (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $error)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $stream'))
    (export "output-stream" (type $s (eq $stream')))
    (export "get-stdout" (func (result (own $s))))))
  (core module $Libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size)))))
  (core instance $libc (instantiate $Libc))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.write") (memory (core memory $libc "memory"))))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (import "host" "stdout" (func $stdout (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (loop $again (drop (call $stdout)) (br $again)) (unreachable)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))
    (with "host" (instance
      (export "stdout" (func $stdout))
      (export "write" (func $write))))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
