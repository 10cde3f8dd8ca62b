;; A component that imports a resource that nobody has
;; expect: refused
(component
  (import "wasi:io/streams@0.2.0" (instance (export "master-key" (type (sub resource)))))
)
