;; Prints a thousand buffers that are all of its memory: more bytes than a size can say.
;; expect: succeeded
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 256)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $at i32)
    (loop $again
      (i32.store (i32.add (i32.const 4100) (local.get $at)) (i32.const 0x1000000))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 8192))))
    (call $must (call $fd_write (i32.const 2) (i32.const 4096) (i32.const 1024) (i32.const 96)) (i32.const 28))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true"))
