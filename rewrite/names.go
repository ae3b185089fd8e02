package rewrite

import (
	"context"
	"go/ast"
	"go/types"

	"github.com/dave/dst"
	"github.com/runtimefix/runtimefix/rewrite/edit"
	"github.com/runtimefix/runtimefix/rewrite/load"
	"github.com/runtimefix/runtimefix/rewrite/scan"
)

// What rules need of the engine's parts has its name here, so that a rule
// imports one package.
type (
	Config   = load.Config
	Snapshot = load.Snapshot
	Package  = load.Package
	Module   = load.Module
	File     = load.File
	Ref      = load.Ref
	Call     = load.Call
	DepUse   = load.DepUse
	TextFile = load.TextFile
	TextKind = scan.TextKind
	Problem  = load.Problem
	Need     = scan.Need
	TextNeed = scan.TextNeed

	Edit  = edit.Edit
	Holes = edit.Holes
)

// The kinds of text files, see package scan.
const (
	Dockerfile   = scan.Dockerfile
	YAML         = scan.YAML
	JSON         = scan.JSON
	Systemd      = scan.Systemd
	EnvFile      = scan.EnvFile
	Shell        = scan.Shell
	Makefile     = scan.Makefile
	Procfile     = scan.Procfile
	Supervisor   = scan.Supervisor
	TOML         = scan.TOML
	HelmTemplate = scan.HelmTemplate
	GoMod        = scan.GoMod
	HCL          = scan.HCL
	Plist        = scan.Plist
	Jsonnet      = scan.Jsonnet
)

// Load is load.Load.
func Load(ctx context.Context, cfg Config, patterns ...string) (*Snapshot, error) {
	return load.Load(ctx, cfg, patterns...)
}

// NamesShell is scan.NamesShell.
func NamesShell(data []byte) bool { return scan.NamesShell(data) }

// RealPath is load.RealPath.
func RealPath(path string) string { return load.RealPath(path) }

// Memo is load.Memo.
func Memo[T any](s *Snapshot, key any, make func() T) T { return load.Memo(s, key, make) }

// MemoDisk is load.MemoDisk.
func MemoDisk[T any](s *Snapshot, key any, make func() T) T { return load.MemoDisk(s, key, make) }

// ObjectKey is load.ObjectKey.
func ObjectKey(obj types.Object) string { return load.ObjectKey(obj) }

// Twin is edit.Twin.
func Twin[N dst.Node](e *Edit, n ast.Node) (N, error) { return edit.Twin[N](e, n) }

// Stmts is edit.Stmts.
func Stmts(src string, holes Holes) []dst.Stmt { return edit.Stmts(src, holes) }

// Expr is edit.Expr.
func Expr(src string, holes Holes) dst.Expr { return edit.Expr(src, holes) }

// TypeExpr is edit.TypeExpr.
func TypeExpr(src string, holes Holes) dst.Expr { return edit.TypeExpr(src, holes) }

// Decls is edit.Decls.
func Decls(src string, holes Holes) []dst.Decl { return edit.Decls(src, holes) }

// Use is edit.Use.
func Use(path, name string) *dst.Ident { return edit.Use(path, name) }
