;; An allocator that calls the host while the host waits for it
;; expect: trapped
(component
  (import "hengio:module/host@1.0.0" (instance $host
    (type $Level (enum "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $Level)))
    (export "log" (func (param "level" $level) (param "line" string)))
    (export "get-context" (func (param "path" string) (result (result string (error string)))))
    (export "http-request" (func (param "request" string) (result (result string (error string)))))))
  (core module $Table (table (export "table") 1 funcref) (memory (export "memory") 1))
  (core instance $shared (instantiate $Table))
  (core module $Libc
    (import "shared" "table" (table 1 funcref))
    (type $Log (func (param i32 i32 i32)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call_indirect (type $Log) (i32.const 1) (i32.const 0) (i32.const 4) (i32.const 0))
      (i32.const 1024)))
  (core instance $libc (instantiate $Libc (with "shared" (instance $shared))))
  (core func $log (canon lower (func $host "log") (memory (core memory $shared "memory"))))
  (core func $get (canon lower (func $host "get-context") (memory (core memory $shared "memory")) (realloc (core func $libc "realloc"))))
  (core module $Guest
    (import "shared" "table" (table 1 funcref))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (elem (i32.const 0) func $log)
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (call $get (i32.const 0) (i32.const 4) (i32.const 128))
      (unreachable)))
  (core instance $guest (instantiate $Guest
    (with "shared" (instance $shared))
    (with "host" (instance (export "log" (func $log)) (export "get" (func $get))))))
  (func (export "run") (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $guest "run") (memory (core memory $shared "memory")) (realloc (core func $libc "realloc")))))
