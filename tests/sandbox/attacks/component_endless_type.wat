;; A component whose type would fill the memory if it were written out
;; expect: refused
(component
  (type $t0 (tuple u8 u8 u8 u8 u8 u8 u8 u8))
  (type $t1 (tuple $t0 $t0 $t0 $t0 $t0 $t0 $t0 $t0))
  (type $t2 (tuple $t1 $t1 $t1 $t1 $t1 $t1 $t1 $t1))
  (type $t3 (tuple $t2 $t2 $t2 $t2 $t2 $t2 $t2 $t2))
  (type $t4 (tuple $t3 $t3 $t3 $t3 $t3 $t3 $t3 $t3))
  (type $t5 (tuple $t4 $t4 $t4 $t4 $t4 $t4 $t4 $t4))
  (type $t6 (tuple $t5 $t5 $t5 $t5 $t5 $t5 $t5 $t5))
  (type $t7 (tuple $t6 $t6 $t6 $t6 $t6 $t6 $t6 $t6))
  (type $t8 (tuple $t7 $t7 $t7 $t7 $t7 $t7 $t7 $t7))
  (type $t9 (tuple $t8 $t8 $t8 $t8 $t8 $t8 $t8 $t8))
  (type $t10 (tuple $t9 $t9 $t9 $t9 $t9 $t9 $t9 $t9))
  (type $t11 (tuple $t10 $t10 $t10 $t10 $t10 $t10 $t10 $t10))
  (import "hengio:module/host@1.0.0" (instance (alias outer 1 $t11 (type $t)) (export "log" (func (param "line" $t))))))
