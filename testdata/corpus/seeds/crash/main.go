// Command crash keeps what it dies of.
package main

import (
	"log"
	"os"
	"path/filepath"
	"runtime/debug"
)

func main() {
	if err := keep("crash.log"); err != nil {
		log.Print(err)
	}
	keepIn(os.TempDir())
}

func keep(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return err
	}
	return nil
}

func keepIn(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, "crash.txt"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		log.Print(err)
	}
}
