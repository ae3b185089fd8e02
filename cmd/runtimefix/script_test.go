package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/cachedir"
)

func TestMain(m *testing.M) {
	if os.Getenv(cachedir.Env) == "" {
		os.Setenv(cachedir.Env, "off") // tests that use the cache have one of their own
	}
	testscript.Main(m, map[string]func(){
		"runtimefix": main,
		"interrupts": interrupts,
	})
}

// interrupts is a program that takes note of the first signal and goes on.
func interrupts() {
	ctx, stop := interruptible()
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("first")
	select {}
}

// TestScript drives the command as its users do.
func TestScript(t *testing.T) {
	goEnv := func(name string) string {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out[:len(out)-1])
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cache, path, modcache := goEnv("GOCACHE"), goEnv("GOPATH"), goEnv("GOMODCACHE")
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// schema NAME FILE: the file conforms to that schema.
			"schema": func(ts *testscript.TestScript, neg bool, args []string) {
				if len(args) != 2 || neg {
					ts.Fatalf("usage: schema NAME FILE")
				}
				ts.Check(conforms(filepath.Join(here, "schema", args[0]+".schema.json"), ts.ReadFile(args[1])))
			},
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOCACHE", cache)
			env.Setenv(cachedir.Env, filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("GOPATH", path)
			env.Setenv("GOMODCACHE", modcache)
			env.Setenv("GOFLAGS", "")
			env.Setenv("GOPROXY", "off")
			env.Setenv("GOTOOLCHAIN", "local")
			// The folder with the command and nothing else.
			if bin, err := exec.LookPath("runtimefix"); err == nil {
				env.Setenv("BIN", filepath.Dir(bin))
			}
			// Nothing above the script's directory is its repository.
			env.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(env.WorkDir))
			return nil
		},
	})
}
