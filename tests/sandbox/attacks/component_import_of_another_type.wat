;; A component that imports a host function with a type of its own
;; expect: refused
(component
  (import "hengio:module/host@1.0.0" (instance (export "http-request" (func (param "request" (list string))))))
)
