;; A component that imports what is not offered
;; expect: refused
(component
  (import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func))))
)
