package waits

import (
	"go/types"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
)

// isClosable reports whether fn waits for a connection or a packet, and returns
// an error at once when its receiver is closed (net, Listener and PacketConn,
// Close: blocked operations are unblocked and return errors).
func isClosable(fn *types.Func) bool {
	if fn.Pkg() == nil || fn.Pkg().Path() != "net" || fn.Signature().Recv() == nil {
		return false
	}
	key := rewrite.ObjectKey(fn)
	switch name := fn.Name(); {
	case strings.HasPrefix(name, "Accept"):
		return strings.Contains(key, "Listener)")
	case strings.HasPrefix(name, "Read"):
		return strings.HasPrefix(key, "(*net.UDPConn)") || strings.HasPrefix(key, "(net.PacketConn)") || strings.HasPrefix(key, "(*net.IPConn)") || strings.HasPrefix(key, "(*net.UnixConn).ReadFrom")
	}
	return false
}
