package rules

import (
	"reflect"
	"testing"
)

func TestReadGodebug(t *testing.T) {
	for _, test := range []struct {
		value, setting, rest string
		cuts                 []span
		hidden               string
		others               []string
	}{
		{value: "gctrace=1", setting: "gctrace=1", rest: "", cuts: []span{{0, 9}}},
		{value: "gctrace=1,madvdontneed=1", setting: "gctrace=1", rest: "madvdontneed=1", cuts: []span{{0, 10}}},
		{value: "a=1,gctrace=2", setting: "gctrace=2", rest: "a=1", cuts: []span{{3, 13}}},
		{value: "a=1,gctrace=2,b=1", setting: "gctrace=2", rest: "a=1,b=1", cuts: []span{{3, 13}}},
		{value: "gctrace=1,gctrace=2,b=1", setting: "gctrace=2", rest: "b=1", cuts: []span{{0, 10}, {10, 20}}},
		{value: "gctrace=1,gctrace=2", setting: "gctrace=2", rest: "", cuts: []span{{0, 10}, {10, 19}}},
		{value: "gctrace=0", rest: "gctrace=0"},
		{value: "gctrace=1,gctrace=0", rest: "gctrace=1,gctrace=0"},
		{value: "gctrace=0,gctrace=1", setting: "gctrace=1", rest: "gctrace=0", cuts: []span{{9, 19}}},
		{value: "gctrace=on,gctrace=-1,xgctrace=1, gctrace=1", rest: "gctrace=on,gctrace=-1,xgctrace=1, gctrace=1"},
		{value: "$GODEBUG,gctrace=1", setting: "gctrace=1", rest: "$GODEBUG", cuts: []span{{8, 18}}},
		{value: "${GODEBUG:-a=1,gctrace=1}", rest: "${GODEBUG:-a=1,gctrace=1}", hidden: "${GODEBUG:-a=1,gctrace=1}"},
		{value: "{{ .Values.debug }},gctrace=1", setting: "gctrace=1", rest: "{{ .Values.debug }}", cuts: []span{{19, 29}}},
		{value: "schedtrace=1000,scheddetail=0,inittrace=1", rest: "schedtrace=1000,scheddetail=0,inittrace=1", others: []string{"schedtrace=1000", "inittrace=1"}},
	} {
		g := readGodebug(test.value)
		if g.setting != test.setting || g.rest != test.rest || !reflect.DeepEqual(g.cuts, test.cuts) || g.hidden != test.hidden || !reflect.DeepEqual(g.others, test.others) {
			t.Errorf("%s: %+v", test.value, g)
		}
		if g.setting != "" && test.value[g.at.off:g.at.end] != g.setting {
			t.Errorf("%s: at %v", test.value, g.at)
		}
		edits := make([]textEdit, 0)
		for _, c := range g.cuts {
			edits = append(edits, textEdit{span: c})
		}
		if got := string(spliced([]byte(test.value), edits)); got != g.rest {
			t.Errorf("%s: the cuts leave %q, not %q", test.value, got, g.rest)
		}
	}
}

func TestDevelopmentWord(t *testing.T) {
	for name, want := range map[string]string{
		"deploy/latest/Dockerfile": "", "devops/app.yaml": "", "device-plugin": "", "deviation": "deviation",
		"docker-compose.dev.yml": "dev", "build/Debugger/x": "debugger", "loadTest/run.sh": "test", "e2etests": "etests",
		"localhost": "localhost", "examples/a": "examples", "microbench": "microbench", "cmd/app": "",
	} {
		if got := developmentWord(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
