package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// dialog runs the program on a pseudo-terminal, types an answer at each prompt
// and returns what the terminal shows.
func dialog(t *testing.T, bin string, env []string, answers string) string {
	t.Helper()
	cmd := exec.Command(bin, "--interactive", "--color", "never")
	cmd.Env = append(os.Environ(), env...)
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	defer tty.Close()
	time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	var screen bytes.Buffer
	prompts := 0
	buf := make([]byte, 4096)
	for {
		n, err := tty.Read(buf)
		screen.Write(buf[:n])
		for strings.Count(screen.String(), "?]? ") > prompts {
			if prompts == len(answers) {
				t.Fatalf("one more question than answers:\n%s", screen.String())
			}
			fmt.Fprintf(tty, "%c\n", answers[prompts])
			prompts++
		}
		if err != nil {
			break // the program's end looks like an input error
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, screen.String())
	}
	if prompts != len(answers) {
		t.Errorf("%d questions, want %d:\n%s", prompts, len(answers), screen.String())
	}
	return screen.String()
}

// An interrupt at the question ends the run: nothing is written.
func TestInterruptedQuestion(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no pseudo-terminal")
	}
	bin := program(t)
	sampleDir(t)
	before, err := os.ReadFile("a.go")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "--interactive", "--color", "never")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	defer tty.Close()
	var screen bytes.Buffer
	buf := make([]byte, 4096)
	for sent := 0; ; {
		n, err := tty.Read(buf)
		screen.Write(buf[:n])
		switch asked := strings.Count(screen.String(), "?]? "); {
		case asked == 1 && sent == 0:
			sent++
			fmt.Fprint(tty, "y\n")
		case asked == 2 && sent == 1:
			sent++
			fmt.Fprint(tty, "\x03")
		}
		if err != nil {
			break
		}
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(screen.String(), "runtimefix: interrupted\r\n") {
		t.Errorf("exit code %d, the screen shows\n%s", code, screen.String())
	}
	if after, err := os.ReadFile("a.go"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a.go changed (%v)", err)
	}
}

func TestInteractive(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no pseudo-terminal")
	}
	bin := program(t)
	file := "package m\n\nimport \"runtime\"\n"
	for _, name := range []string{"one", "two", "three"} {
		file += "\nfunc " + name + "() {\n\tfor {\n\t\t" + name + "()\n\t\truntime.GC()\n\t}\n}\n"
	}
	for _, tt := range []struct {
		answers string
		left    string // functions that still collect
		other   bool   // the other file still collects
	}{
		{"yyyy", "", false},
		{"nyny", "one three", false},
		{"nay", "one", false},
		{"ynq", "two three", true},
		{"dn", "one two three", true},
		{"?q", "one two three", true},
		{"yeq", "three", true}, // what is edited is applied, too
	} {
		t.Run(tt.answers, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
			write := func(name, text string) {
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("go.mod", "module example.com/m\n\ngo 1.24\n")
			write("a.go", file)
			write("b.go", "package m\n\nimport \"runtime\"\n\nfunc other() {\n\tfor {\n\t\tprintln()\n\t\truntime.GC()\n\t}\n}\n")
			// The editor puts a line in the place of the one that goes.
			write("editor.sh", "sed -i 's/^-\\(.*\\)runtime.GC()$/-\\1runtime.GC()\\n+\\1println(\"edited\")/' \"$1\"\n")
			screen := dialog(t, bin, []string{"EDITOR=sh editor.sh", "GIT_EDITOR=", "VISUAL="}, tt.answers)
			data, err := os.ReadFile("a.go")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"one", "two", "three"} {
				collects := strings.Contains(string(data), name+"()\n\t\truntime.GC()")
				if collects != strings.Contains(tt.left, name) {
					t.Errorf("%s collects: %v\n%s\n%s", name, collects, data, screen)
				}
			}
			if strings.Contains(tt.answers, "e") != strings.Contains(string(data), `println("edited")`) {
				t.Errorf("the edited fix is not what was written:\n%s\n%s", data, screen)
			}
			if other, _ := os.ReadFile("b.go"); strings.Contains(string(other), "runtime.GC") != tt.other {
				t.Errorf("b.go holds\n%s\n%s", other, screen)
			}
		})
	}
}
