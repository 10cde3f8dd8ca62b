;; Makes folders with other names until it may not any more.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
;; limits: file_bytes=1000000
(module
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $error i32) (local $count i32)
    (loop $again
      (i32.store (i32.const 2052) (i32.add (i32.const 0x41414141) (local.get $count)))
      (local.set $error (call $path_create_directory (i32.const 4) (i32.const 2048) (i32.const 8)))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $again (i32.or (i32.eqz (local.get $error)) (i32.or (i32.eq (local.get $error) (i32.const 28))
        (i32.or (i32.eq (local.get $error) (i32.const 20)) (i32.eq (local.get $error) (i32.const 25)))))))
    (call $must (local.get $error) (i32.const 19))
    (if (i32.gt_u (local.get $count) (i32.const 10000)) (then (unreachable)))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 2048) "out/"))
