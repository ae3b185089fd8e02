// Package lock locks the thread rightly.
package lock

import (
	"errors"
	"runtime"
)

var errBusy = errors.New("busy")

// device is a library that keeps its state in the thread.
type device struct{ open, busy bool }

func (d *device) write(p []byte) (int, error) { return len(p), nil }
func (d *device) lastError() error            { return nil }

// Write writes all of p.
func (d *device) Write(p []byte) (n int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if d.busy {
		return 0, errBusy
	}
	n, err = d.write(p)
	return n, err
}

func (d *device) status(names []string) (string, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	for _, name := range names {
		if name == "" {
			return "", errors.New("no name")
		}
	}
	if err := d.lastError(); err != nil {
		return "", err
	}
	return "idle", nil
}

// reset does not return anything.
func (d *device) reset(hard bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !hard {
		d.busy = false
		return
	}
	switch {
	case d.open:
		d.open = false
	case d.busy:
		return
	}
	_, _ = d.write(nil)
}

// count unlocks before it goes on without the thread.
func (d *device) count(limit int) (int, bool) {
	runtime.LockOSThread()
	n, err := d.write(make([]byte, limit))
	ok := err == nil
	runtime.UnlockOSThread()
	return n, ok
}

// flush has work to do after the unlock.
func flush(d *device, done func(error)) error {
	runtime.LockOSThread()
	_, _ = d.write(nil)
	err := d.lastError()
	runtime.UnlockOSThread()

	done(err)
	return err
}

// each is generic.
func each[T any](items []T, f func(T) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, x := range items {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}
