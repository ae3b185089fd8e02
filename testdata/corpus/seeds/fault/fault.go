// Package fault reads mapped memory that may not be there any more.
package fault

import (
	"errors"
	"runtime/debug"
)

var errFault = errors.New("the mapping is gone")

// Copy copies out of a mapping.
func Copy(dst, src []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = errFault
		}
	}()
	copy(dst, src)
	return nil
}

func sum(src []byte) (n int, err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, errFault
		}
	}()
	for _, b := range src {
		n += int(b)
	}
	return n, nil
}

type mapping struct{ data []byte }

func (m *mapping) at(i int) (b byte, ok bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { ok = recover() == nil }()
	return m.data[i], true
}
