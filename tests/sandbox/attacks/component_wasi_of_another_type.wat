;; A component that imports a function of WASI with a type of its own
;; expect: refused
(component
  (import "wasi:random/random@0.2.0" (instance (export "get-random-bytes" (func (param "len" s64) (result (list u8))))))
)
