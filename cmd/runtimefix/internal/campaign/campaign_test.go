package campaign

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runtimefix/runtimefix/cmd/runtimefix/internal/migrate"
)

// removal is the patch that takes a collection out of a file.
func removal(path, line string) string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n@@ -1,3 +1,2 @@\n func f() {\n-\t%[2]s\n }\n", path, line)
}

func TestShape(t *testing.T) {
	one := Shape(removal("a.go", "runtime.GC()"))
	if one != "-runtime . GC ( )\n" || Shape(removal("b/c.go", "runtime.GC()")) != one || Shape(removal("a.go", "debug.FreeOSMemory()")) == one {
		t.Errorf("shape %q", one)
	}
	keep := func(name string) string {
		return "+\truntime.KeepAlive(" + name + ")\n"
	}
	if Shape(keep("handle")) != Shape(keep("h")) {
		t.Error("the name of a variable makes a shape")
	}
	if Shape("-\tf(a, b)\n+\tf(b, a)\n") == Shape("-\tf(a, b)\n+\tf(a, b)\n") {
		t.Error("swapped names make no shape of their own")
	}
	if Shape("-\tx := 1\n") != Shape("-\ty := 20\n") {
		t.Error("a number makes a shape")
	}
}

// summaries makes n repositories with places findings each.
func summaries(n, places int) []*migrate.Summary {
	var out []*migrate.Summary
	for i := range n {
		s := &migrate.Summary{Version: 1, Repository: fmt.Sprintf("org/repo-%04d", i), Outcome: migrate.Fixed, Verified: migrate.SummaryVerified{Level: "vet"}}
		for j := range places {
			p := migrate.SummaryPlace{Rule: "forcedgc", Path: fmt.Sprintf("p%d/a.go", j), Line: 10 + j, Message: "runtime.GC runs in a loop", Fix: "remove the call", Safety: "safe", Fingerprint: "x", Owners: []string{"@org/core"}}
			if j%5 == 4 {
				p.Rule, p.Safety, p.Fix, p.Why = "memstatspoll", "unsafe", "", "the fix changes behaviour on purpose: --unsafe"
				s.Left = append(s.Left, p)
				continue
			}
			s.Fixed = append(s.Fixed, p)
			line := "runtime.GC()"
			if i == 3 && j == 0 {
				line = "runtime.GC() // <script>alert(1)</script>"
			}
			s.Changes = append(s.Changes, migrate.SummaryChange{Path: p.Path, Rules: []string{"forcedgc"}, Patch: removal(p.Path, line)})
		}
		out = append(out, s)
	}
	out[len(out)-1].Changes = append(out[len(out)-1].Changes, migrate.SummaryChange{Path: "odd.go", Rules: []string{"forcedgc"}, Patch: "-\tfor {\n-\t\truntime.GC()\n-\t}\n"})
	return out
}

func TestMerge(t *testing.T) {
	list := summaries(4, 5)
	again := *list[1]
	again.Outcome = migrate.Clean
	r := Merge("runtimefix test", append(list, &again))
	if len(r.Repositories) != 4 || r.Repositories[1].Outcome != migrate.Clean || len(r.Findings) != 20 || len(r.Patches) != 17 {
		t.Errorf("%d repositories, %d findings, %d patches", len(r.Repositories), len(r.Findings), len(r.Patches))
	}
	if len(r.Shapes) != 2 || len(r.Shapes[0].Patches) != 16 || len(r.Shapes[1].Patches) != 1 || r.Patches[r.Shapes[1].Patches[0]].Path != "odd.go" {
		t.Errorf("shapes %+v", r.Shapes)
	}
	for i, g := range r.Shapes {
		for _, p := range g.Patches {
			if r.Patches[p].Shape != i {
				t.Errorf("patch %d is of shape %d, not %d", p, r.Patches[p].Shape, i)
			}
		}
	}
	var b bytes.Buffer
	if err := r.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 21 || rows[1][0] != "org/repo-0000" || rows[1][2] != "forcedgc" {
		t.Errorf("%v %v", err, rows[:2])
	}
	if inert("=1+1") != "'=1+1" || inert("a=1") != "a=1" {
		t.Error("formulas in the CSV")
	}
}

// The page needs nothing from elsewhere, and text of repositories is no markup.
func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := Merge("runtimefix test", summaries(5, 5)).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.Bytes(), []byte("<script>alert")) {
		t.Error("text from a patch is markup")
	}
	if m := regexp.MustCompile(`(?:src|href)="(?:https?:)?//`).Find(b.Bytes()); m != nil {
		t.Errorf("the page loads %s", m)
	}
}

func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		"x": "not a summary", "{}": "version 1", `{"version":2,"repository":"a"}`: "version 1",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestChromium opens the page of 2,000 repositories with 20,000 findings, in light
// and dark, wide and narrow. RUNTIMEFIX_SHOTS names a folder for the pictures.
func TestChromium(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("chromium is not installed")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	f, err := os.Create(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := Merge("runtimefix test", summaries(2000, 10)).WriteHTML(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--user-data-dir=" + t.TempDir(), "--virtual-time-budget=5000"}, args...)
		out, err := exec.Command(browser, args...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	for tab, want := range map[string][]string{
		"shapes":       {`data-ready="yes"`, "2 shapes", "16,000 patches", "an outlier", `<span class="hljs-deletion">`},
		"findings":     {"20,000 findings, the first 100 shown", "p0/a.go:10", "@org/core"},
		"repositories": {"2,000 repositories, the first 100 shown", "org/repo-0000"},
		"rules":        {"2 rules", "memstatspoll"},
		"safeties":     {"2 kinds of safety", `>safe</td><td class="n" data-head="Fixed">16,000</td><td class="n" data-head="Left">0</td>`, `>unsafe</td><td class="n" data-head="Fixed">0</td><td class="n" data-head="Left">4,000</td>`},
		"owners":       {"1 owner", `>@org/core</td><td class="n" data-head="Fixed">16,000</td><td class="n" data-head="Left">4,000</td>`},
	} {
		dom := run("--dump-dom", "file://"+page+"#"+tab)
		for _, w := range want {
			if !strings.Contains(dom, w) {
				t.Errorf("%s: no %q in the page", tab, w)
			}
		}
		if tab == "shapes" && strings.Count(dom, "<canvas") != 2 {
			t.Error("no charts")
		}
	}
	shots := os.Getenv("RUNTIMEFIX_SHOTS")
	if shots == "" {
		shots = dir
	}
	for name, flags := range map[string][]string{
		"light": {"--window-size=1280,1400"}, "dark": {"--window-size=1280,1400", "--blink-settings=preferredColorScheme=0"}, "narrow": {"--window-size=420,1400"}, "narrow-findings": {"--window-size=420,2400"},
	} {
		file := filepath.Join(shots, name+".png")
		_, tab, _ := strings.Cut(name, "-")
		run(append(flags, "--screenshot="+file, "file://"+page+"#"+tab)...)
		img := picture(t, file)
		// The corner is the page's own colour: white, or nearly black.
		corner, _, _, _ := img.At(1, 1).RGBA()
		if name == "dark" != (corner>>8 < 0x20) || name != "dark" && corner>>8 != 0xff {
			t.Errorf("%s: the corner is %#x", name, corner>>8)
		}
		if colours(img) < 20 {
			t.Errorf("%s: nothing is drawn", name)
		}
	}
}

func picture(t *testing.T, file string) image.Image {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return img
}

// colours returns how many colours a picture has.
func colours(img image.Image) int {
	seen := make(map[[3]uint32]bool)
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
		}
	}
	return len(seen)
}
