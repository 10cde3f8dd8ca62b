//go:build reactor

package main

import "unsafe"

// What the host knows by its address stays reachable here. Go does not move what it has allocated.
var held = map[uint32][]byte{}

func hold(bytes []byte) uint32 {
	address := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes))))
	held[address] = bytes
	return address
}

//go:wasmexport hengio_alloc
func alloc(size int32) uint32 { return hold(make([]byte, max(uint32(size), 1))) }

//go:wasmexport run
func run(input, length int32) uint64 {
	out := answer(held[uint32(input)][:uint32(length)])
	return uint64(hold(out))<<32 | uint64(len(out))
}
