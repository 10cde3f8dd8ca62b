;; A component that exports nothing
;; expect: refused
(component)
