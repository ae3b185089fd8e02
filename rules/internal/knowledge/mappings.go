package knowledge

// unmaps has the functions and methods after which memory that was mapped into
// the process is gone, as rewrite.ObjectKey names them.
var unmaps = map[string]bool{
	"syscall.Munmap":                                 true,
	"syscall.UnmapViewOfFile":                        true,
	"golang.org/x/sys/unix.Munmap":                   true,
	"golang.org/x/sys/unix.MunmapPtr":                true,
	"golang.org/x/sys/windows.UnmapViewOfFile":       true,
	"(*github.com/edsrzf/mmap-go.MMap).Unmap":        true,
	"(*github.com/blevesearch/mmap-go.MMap).Unmap":   true,
	"(*github.com/go-mmap/mmap.File).Close":          true,
	"(github.com/tysonmote/gommap.MMap).UnsafeUnmap": true,
	"(launchpad.net/gommap.MMap).UnsafeUnmap":        true,
	"github.com/dgraph-io/ristretto/z.Munmap":        true,
	"github.com/dgraph-io/ristretto/v2/z.Munmap":     true,
	"github.com/tidwall/mmap.Close":                  true,
}

// Unmaps reports whether the function or method unmaps memory: its receiver or
// an argument.
func Unmaps(key string) bool { return unmaps[key] }
