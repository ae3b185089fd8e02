package cachedir

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func key(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

func open(t *testing.T) *Dir {
	t.Helper()
	t.Setenv(Env, filepath.Join(t.TempDir(), "made when needed"))
	return Open()
}

func TestDir(t *testing.T) {
	d := open(t)
	if got := d.Get(key("a")); got != nil {
		t.Errorf("an empty directory has %q", got)
	}
	d.Put(key("a"), []byte("one"))
	d.Put(key("b"), []byte("two"))
	d.Put(key("a"), []byte("three"))
	if got := d.Get(key("a")); string(got) != "three" {
		t.Errorf("got %q", got)
	}
	if got := Open().Get(key("b")); string(got) != "two" {
		t.Errorf("got %q", got)
	}
}

// An entry of which any byte is not what was written does not count.
func TestDamage(t *testing.T) {
	d := open(t)
	d.Put(key("a"), []byte("data"))
	whole, err := os.ReadFile(d.file(key("a")))
	if err != nil {
		t.Fatal(err)
	}
	damaged := [][]byte{nil, whole[:10], whole[:len(whole)-1], append(bytes.Clone(whole), 'x')}
	for i := range whole {
		x := bytes.Clone(whole)
		x[i] ^= 1
		damaged = append(damaged, x)
	}
	for _, x := range damaged {
		if err := os.WriteFile(d.file(key("a")), x, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := d.Get(key("a")); got != nil {
			t.Errorf("%x gives %q", x, got)
		}
	}
	d.Put(key("a"), []byte("data"))
	if got := d.Get(key("a")); string(got) != "data" {
		t.Errorf("got %q", got)
	}
}

func TestTrim(t *testing.T) {
	d := open(t)
	d.entries, d.bytes = 3, 1000
	now := time.Now()
	for i, name := range []string{"a", "b", "c", "d"} {
		d.Put(key(name), []byte(name))
		if _, err := os.Stat(d.file(key(name))); err != nil {
			t.Fatalf("%s is gone at once", name)
		}
		at := now.Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(d.file(key(name)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	has := func(want string) {
		t.Helper()
		got := ""
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			if _, err := os.Stat(d.file(key(name))); err == nil {
				got += name
			}
		}
		if got != want {
			t.Errorf("left are %q, want %q", got, want)
		}
	}
	has("bcd")
	d.Get(key("b")) // used: c is the first to go
	d.Put(key("e"), make([]byte, 200))
	has("bde")
	d.bytes = 270
	d.trim(now)
	has("be")
	d.trim(now.Add(maxAge + time.Hour))
	has("")
	d.Put(key("a"), make([]byte, 100)) // more than a quarter of all
	has("")
}

func TestOff(t *testing.T) {
	t.Setenv(Env, "off")
	d := Open()
	d.Put(key("a"), []byte("x"))
	if got := d.Get(key("a")); d != nil || got != nil {
		t.Errorf("got %q", got)
	}
	// A directory that cannot be made keeps nothing, and that is all.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Env, file)
	d = Open()
	d.Put(key("a"), []byte("x"))
	if got := d.Get(key("a")); got != nil {
		t.Errorf("got %q", got)
	}
}
