//go:build !tinygo

package main

import (
	"encoding/json"
	"os"
)

// plain reads and writes files as any Go program does, if that is what the step is about: status 1 if it failed.
func (s step) plain() (bool, told) {
	var reply any
	var err error
	switch s.Call {
	case "read_file":
		var data []byte
		data, err = os.ReadFile(s.Path)
		reply = json.RawMessage(data)
	case "write_file":
		err = os.WriteFile(s.Path, s.Value, 0o644)
	case "list_folder":
		var folder *os.File
		if folder, err = os.Open(s.Path); err == nil {
			reply, err = folder.Readdirnames(0)
		}
	default:
		return false, told{}
	}
	if err != nil {
		return true, told{Status: 1, Reply: json.RawMessage("null")}
	}
	text, err := json.Marshal(reply)
	if err != nil {
		panic(err)
	}
	return true, told{Reply: text}
}
