;; A component that waits for what it was never given
;; expect: trapped
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $pollable'))
    (export "pollable" (type $p (eq $pollable')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core module $Libc
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32) (param $size i32) (result i32)
      (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get $size)))))
  (core instance $libc (instantiate $Libc))
  (core func $after (canon lower (func $clock "subscribe-duration")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $poll (canon lower (func $poll "poll") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $drop (canon resource.drop $pollable))
  (core module $Guest
    (import "libc" "memory" (memory 0))
    (import "host" "after" (func $after (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (data (i32.const 64) "1")
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (call $block (i32.const 77)) (unreachable)))
  (core instance $guest (instantiate $Guest (with "libc" (instance $libc))
    (with "host" (instance
      (export "after" (func $after))
      (export "block" (func $block))
      (export "poll" (func $poll))
      (export "drop" (func $drop))))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
