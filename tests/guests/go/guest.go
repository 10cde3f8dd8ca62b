// Makes the host calls that its input lists and answers with what came back: a WASI command, or with -tags reactor and
// -buildmode=c-shared a reactor.
package main

import (
	"encoding/json"
	"io"
	"os"
	"unsafe"
)

//go:wasmimport hengio_v1 log
func hostLog(level int32, text unsafe.Pointer, length int32)

//go:wasmimport hengio_v1 get_context
func getContext(key unsafe.Pointer, length int32) int64

//go:wasmimport hengio_v1 set_context
func setContext(key unsafe.Pointer, length int32, value unsafe.Pointer, valueLength int32) int64

//go:wasmimport hengio_v1 http_request
func httpRequest(request unsafe.Pointer, length int32) int64

//go:wasmimport hengio_v1 db_query
func dbQuery(request unsafe.Pointer, length int32) int64

//go:wasmimport hengio_v1 file_read
func fileRead(path unsafe.Pointer, length int32) int64

//go:wasmimport hengio_v1 file_write
func fileWrite(path unsafe.Pointer, length int32, data unsafe.Pointer, dataLength int32) int64

//go:wasmimport hengio_v1 take_result
func takeResult(into unsafe.Pointer, capacity int32) int32

type step struct {
	Call    string          `json:"call"`
	Path    string          `json:"path"`
	Message string          `json:"message"`
	Request json.RawMessage `json:"request"`
	Value   json.RawMessage `json:"value"`
}

type told struct {
	Status uint32          `json:"status"`
	Reply  json.RawMessage `json:"reply"`
}

// at is where a non-empty text lies, and how long it is.
func at[T ~string | ~[]byte](text T) (unsafe.Pointer, int32) {
	bytes := []byte(text)
	return unsafe.Pointer(unsafe.SliceData(bytes)), int32(len(bytes))
}

func (s step) do() told {
	if done, reply := s.plain(); done {
		return reply
	}
	path, pathLength := at(s.Path)
	request, requestLength := at(s.Request)
	value, valueLength := at(s.Value)
	switch s.Call {
	case "get_context":
		return taken(getContext(path, pathLength))
	case "set_context":
		return taken(setContext(path, pathLength, value, valueLength))
	case "http_request":
		return taken(httpRequest(request, requestLength))
	case "db_query":
		return taken(dbQuery(request, requestLength))
	case "file_read":
		return taken(fileRead(path, pathLength))
	case "file_write":
		return taken(fileWrite(path, pathLength, value, valueLength))
	}
	message, messageLength := at(s.Message)
	hostLog(1, message, messageLength)
	return taken(0)
}

func taken(packed int64) told {
	reply := json.RawMessage("null")
	if length := int32(packed); length > 0 {
		reply = make([]byte, length)
		takeResult(unsafe.Pointer(unsafe.SliceData(reply)), length)
	}
	return told{Status: uint32(packed >> 32), Reply: reply}
}

func answer(input []byte) []byte {
	var given struct {
		Input struct {
			Do []step `json:"do"`
		} `json:"input"`
	}
	if err := json.Unmarshal(input, &given); err != nil {
		panic(err)
	}
	all := []told{}
	for _, each := range given.Input.Do {
		all = append(all, each.do())
	}
	out, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return out
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(answer(input))
}
