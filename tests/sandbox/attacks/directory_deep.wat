;; Puts folders into folders by renaming, deeper than any path can say.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
(module
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (local $error i32) (local $count i32)
    (loop $again
      (call $must (call $path_create_directory (i32.const 4) (i32.const 2048) (i32.const 1)) (i32.const 0))
      (local.set $error (call $path_rename (i32.const 4) (i32.const 2050) (i32.const 1) (i32.const 4) (i32.const 2048) (i32.const 3)))
      (if (i32.and (i32.ne (local.get $error) (i32.const 0)) (i32.ne (local.get $error) (i32.const 44)))
        (then (call $must (local.get $error) (i32.const 37)) (return (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))))
      (call $must (call $path_rename (i32.const 4) (i32.const 2048) (i32.const 1) (i32.const 4) (i32.const 2050) (i32.const 1)) (i32.const 0))
      (br_if $again (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 5000))))
    (unreachable)
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 2048) "a/b"))
