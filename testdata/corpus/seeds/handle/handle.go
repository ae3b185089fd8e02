//go:build unix

// Package handle keeps descriptors in objects with finalizers.
package handle

import (
	"os"
	"runtime"
	"syscall"
)

// Pipe is one end of a pipe.
type Pipe struct{ fd int }

// New makes both ends.
func New() (r, w *Pipe, err error) {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		return nil, nil, err
	}
	r, w = &Pipe{p[0]}, &Pipe{p[1]}
	runtime.SetFinalizer(r, (*Pipe).Close)
	runtime.SetFinalizer(w, (*Pipe).Close)
	return r, w, nil
}

// Close gives the descriptor back.
func (p *Pipe) Close() error {
	runtime.SetFinalizer(p, nil)
	return syscall.Close(p.fd)
}

// Read reads.
func (p *Pipe) Read(b []byte) (int, error) {
	n, err := syscall.Read(p.fd, b)
	runtime.KeepAlive(p)
	return n, err
}

// Write writes.
func (p *Pipe) Write(b []byte) (int, error) {
	defer runtime.KeepAlive(p)
	return syscall.Write(p.fd, b)
}

// NonBlocking sets the mode.
func (p *Pipe) NonBlocking(on bool) error {
	if err := syscall.SetNonblock(p.fd, on); err != nil {
		runtime.KeepAlive(p)
		return os.NewSyscallError("fcntl", err)
	}
	runtime.KeepAlive(p)
	return nil
}

// Stat asks the kernel.
func (p *Pipe) Stat() (st syscall.Stat_t, err error) {
	err = syscall.Fstat(p.fd, &st)
	runtime.KeepAlive(p)
	return st, err
}

func truncate(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = syscall.Ftruncate(int(f.Fd()), size)
	runtime.KeepAlive(f)
	return err
}
