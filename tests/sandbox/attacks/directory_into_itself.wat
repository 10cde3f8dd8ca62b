;; Renames folders into themselves, over others, and the mounted directory.
;; expect: succeeded
;; grants: file:read inbox/** file:write out/**
(module
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "hengio_alloc") (param $size i32) (result i32) (i32.const 1024))
  (func $must (param $is i32) (param $should i32)
    (if (i32.ne (local.get $is) (local.get $should)) (then (unreachable))))
  (func $run (export "run") (param $pointer i32) (param $length i32) (result i64)
    (call $must (call $path_create_directory (i32.const 4) (i32.const 2048) (i32.const 3)) (i32.const 0))
    (call $must (call $path_rename (i32.const 4) (i32.const 2048) (i32.const 1) (i32.const 4) (i32.const 2048) (i32.const 5)) (i32.const 28))
    (call $must (call $path_rename (i32.const 4) (i32.const 2048) (i32.const 1) (i32.const 4) (i32.const 2048) (i32.const 3)) (i32.const 28))
    (call $must (call $path_rename (i32.const 4) (i32.const 2048) (i32.const 3) (i32.const 4) (i32.const 2048) (i32.const 1)) (i32.const 55))
    (call $must (call $path_rename (i32.const 4) (i32.const 2064) (i32.const 1) (i32.const 4) (i32.const 2048) (i32.const 1)) (i32.const 10))
    (call $must (call $path_remove_directory (i32.const 4) (i32.const 2064) (i32.const 1)) (i32.const 10))
    (call $must (call $path_remove_directory (i32.const 4) (i32.const 2048) (i32.const 1)) (i32.const 55))
    (call $must (call $path_create_directory (i32.const 4) (i32.const 2064) (i32.const 1)) (i32.const 20))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))
  (data (i32.const 8) "true")
  (data (i32.const 2048) "a/b/c")
  (data (i32.const 2064) "."))
