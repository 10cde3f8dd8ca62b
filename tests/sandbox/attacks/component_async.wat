;; A component that would run on an event loop of the engine's
;; expect: refused
(component
  (core module $m (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "run") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") async (param "function" string) (param "input" string) (result (result string (error string)))
    (canon lift (core func $i "run") async (memory (core memory $i "memory")) (realloc (core func $i "realloc"))
      (callback (core func $i "callback")))))
