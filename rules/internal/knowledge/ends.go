package knowledge

import (
	"go/types"
	"slices"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// endReleases are functions that release what the end of the process releases:
// descriptors, memory, locks of the process.
var endReleases = []string{
	"(*os.File).Close",
	"(*os.File).Sync", // for crashes of the system
	"(*os.Root).Close",
	"(*io.PipeReader).Close",
	"(*compress/gzip.Reader).Close",
	"(*archive/zip.ReadCloser).Close",
	"(*database/sql.Conn).Close",
	"(*database/sql.Rows).Close",
	"(*database/sql.Stmt).Close",
	"(*database/sql.Tx).Rollback",
	"(*net/http.Server).Close",
	"(*net/http.Server).Shutdown",
	"(*net/http.Client).CloseIdleConnections",
	"runtime.UnlockOSThread",
	"runtime.KeepAlive",
	"syscall.Close",
	"syscall.Flock",
	"golang.org/x/sys/unix.Close",
	"golang.org/x/sys/unix.Flock",
	"(*github.com/fsnotify/fsnotify.Watcher).Close",
}

// clientPackages are the packages of clients whose connections the end of the
// process closes, without their major versions.
var clientPackages = []string{
	"github.com/coder/websocket", "github.com/gorilla/websocket", "golang.org/x/net/websocket", "nhooyr.io/websocket",
	"github.com/go-redis/redis", "github.com/gomodule/redigo/redis", "github.com/redis/go-redis",
	"github.com/jackc/pgx", "github.com/jackc/pgx/pgxpool", "github.com/lib/pq", "go.mongodb.org/mongo-driver/mongo",
	"golang.org/x/crypto/ssh", "google.golang.org/grpc",
}

// clientCloses are the methods by which these close them.
var clientCloses = []string{"Close", "CloseNow", "Disconnect"}

// lockPackages are the packages of locks on open files, which the kernel takes back
// (flock(2), fcntl(2)), by the methods with which they are given back.
var lockPackages = map[string][]string{
	"github.com/alexflint/go-filemutex":          {"Unlock", "RUnlock", "Close"},
	"github.com/containers/storage/pkg/lockfile": {"Unlock"},
	"github.com/gofrs/flock":                     {"Unlock", "Close"},
	"github.com/juju/fslock":                     {"Unlock"},
	"go.podman.io/storage/pkg/lockfile":          {"Unlock"},
}

// EndReleases reports whether all that fn does is done by the end of the process,
// too: it releases what belongs to the process, or closes connections to a
// server.
func EndReleases(fn *types.Func) bool {
	if slices.Contains(endReleases, rewrite.ObjectKey(fn)) {
		return true
	}
	if fn.Pkg() == nil || fn.Signature().Recv() == nil {
		return false
	}
	path := unversioned(fn.Pkg().Path())
	return slices.Contains(clientCloses, fn.Name()) && slices.Contains(clientPackages, path) || slices.Contains(lockPackages[path], fn.Name())
}

// unversioned returns the import path without its major version:
// github.com/jackc/pgx/pgxpool for github.com/jackc/pgx/v5/pgxpool.
func unversioned(importPath string) string {
	parts := strings.Split(importPath, "/")
	return strings.Join(slices.DeleteFunc(parts, isVersion), "/")
}
