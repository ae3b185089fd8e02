package image

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/runtimefix/runtimefix/rewrite"
	"github.com/runtimefix/runtimefix/rewrite/yamledit"
	"go.yaml.in/yaml/v3"
)

// Built returns the Go image that a compose service builds; built is false when
// it only names an image.
func (g *Images) Built(t *rewrite.TextFile, svc *yaml.Node) (img *Image, built bool) {
	build := yamledit.Get(svc, "build")
	if build == nil {
		return nil, false
	}
	context, file := build.Value, "Dockerfile"
	if build.Kind == yaml.MappingNode {
		context = cmp.Or(yamledit.Text(build, "context"), ".")
		file = cmp.Or(yamledit.Text(build, "dockerfile"), file)
		if yamledit.Get(build, "target") != nil || yamledit.Get(build, "dockerfile_inline") != nil {
			return nil, true
		}
	}
	if strings.ContainsAny(context+file, "$:") {
		return nil, true
	}
	context = filepath.Join(filepath.Dir(t.Path), filepath.FromSlash(context))
	if filepath.IsAbs(filepath.FromSlash(file)) {
		return nil, true
	}
	return g.in(context, filepath.Join(context, filepath.FromSlash(file))), true
}
