package missing

import "testing"

func TestLibrary(t *testing.T) {
	for _, c := range []struct{ msg, library, install string }{
		{"# pkg-config --cflags  -- opus\nPackage opus was not found in the pkg-config search path.", "pkg-config: opus", "install its development files (libopus-dev on Debian and Ubuntu)"},
		{"# pkg-config --cflags  -- nosuch\nPackage 'nosuch', required by 'virtual:world', not found", "pkg-config: nosuch", "install its development files, which have nosuch.pc"},
		{"pkg-config: exec: \"pkg-config\": executable file not found in $PATH", "pkg-config", "install pkg-config"},
		{"# example.com/m\nx.go:3:11: fatal error: security/pam_appl.h: No such file or directory", "security/pam_appl.h", "install its development files (libpam0g-dev on Debian and Ubuntu)"},
		{"# example.com/m\nx.go:3:11: fatal error: 'nosuch.h' file not found", "nosuch.h", "install the development files that have it"},
		{"# example.com/m\n/usr/bin/ld: cannot find -lnosuch: No such file or directory", "nosuch", "install its development files"},
		{"cgo: C compiler \"gcc\" not found: exec: \"gcc\": executable file not found in $PATH", "gcc", "install gcc"},
		{"cgo: C compiler \"x86_64-linux-gnu-gcc-12\" not found", "x86_64-linux-gnu-gcc-12", "install x86_64-linux-gnu-gcc-12"},
		{"undefined: x", "", ""},
	} {
		got := Library(c.msg)
		if got != c.library {
			t.Errorf("%q: %q, want %q", c.msg, got, c.library)
		}
		if c.library != "" && Install(got) != c.install {
			t.Errorf("%s: %q, want %q", got, Install(got), c.install)
		}
	}
}

func TestModule(t *testing.T) {
	for msg, want := range map[string]string{
		"module lookup disabled by GOPROXY=off":                            "module lookup disabled by GOPROXY=off; run go mod download where the module can be had",
		"reading https://p.example/x/@v/v1.zip: 403 Forbidden":             "reading https://p.example/x/@v/v1.zip: 403 Forbidden; run go mod download where the module can be had",
		"no required module provides package x; to add it: go get x":       "no required module provides package x; to add it: go get x",
		"missing go.sum entry for module x; to add: go mod download x":     "missing go.sum entry for module x; to add: go mod download x",
		"package x is not in std (/usr/local/go/src/x)":                    "package x is not in std (/usr/local/go/src/x)",
		"Get \"https://p.example/x/@v/list\": dial tcp: lookup p.example:": "Get \"https://p.example/x/@v/list\": dial tcp: lookup p.example:; run go mod download where the module can be had",
	} {
		if got := Module(msg); got != want {
			t.Errorf("%s", got)
		}
	}
}
