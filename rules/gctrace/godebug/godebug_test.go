package godebug

import (
	"reflect"
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/span"
)

func TestRead(t *testing.T) {
	for _, test := range []struct {
		value, setting, rest string
		cuts                 []span.Span
		hidden               string
		others               []string
	}{
		{value: "gctrace=1", setting: "gctrace=1", rest: "", cuts: []span.Span{{Off: 0, End: 9}}},
		{value: "gctrace=1,madvdontneed=1", setting: "gctrace=1", rest: "madvdontneed=1", cuts: []span.Span{{Off: 0, End: 10}}},
		{value: "a=1,gctrace=2", setting: "gctrace=2", rest: "a=1", cuts: []span.Span{{Off: 3, End: 13}}},
		{value: "a=1,gctrace=2,b=1", setting: "gctrace=2", rest: "a=1,b=1", cuts: []span.Span{{Off: 3, End: 13}}},
		{value: "gctrace=1,gctrace=2,b=1", setting: "gctrace=2", rest: "b=1", cuts: []span.Span{{Off: 0, End: 10}, {Off: 10, End: 20}}},
		{value: "gctrace=1,gctrace=2", setting: "gctrace=2", rest: "", cuts: []span.Span{{Off: 0, End: 10}, {Off: 10, End: 19}}},
		{value: "gctrace=0", rest: "gctrace=0"},
		{value: "gctrace=1,gctrace=0", rest: "gctrace=1,gctrace=0"},
		{value: "gctrace=0,gctrace=1", setting: "gctrace=1", rest: "gctrace=0", cuts: []span.Span{{Off: 9, End: 19}}},
		{value: "gctrace=on,gctrace=-1,xgctrace=1, gctrace=1", rest: "gctrace=on,gctrace=-1,xgctrace=1, gctrace=1"},
		{value: "$GODEBUG,gctrace=1", setting: "gctrace=1", rest: "$GODEBUG", cuts: []span.Span{{Off: 8, End: 18}}},
		{value: "${GODEBUG:-a=1,gctrace=1}", rest: "${GODEBUG:-a=1,gctrace=1}", hidden: "${GODEBUG:-a=1,gctrace=1}"},
		{value: "{{ .Values.debug }},gctrace=1", setting: "gctrace=1", rest: "{{ .Values.debug }}", cuts: []span.Span{{Off: 19, End: 29}}},
		{value: "schedtrace=1000,scheddetail=0,inittrace=1", rest: "schedtrace=1000,scheddetail=0,inittrace=1", others: []string{"schedtrace=1000", "inittrace=1"}},
	} {
		g := Read(test.value)
		if g.Setting != test.setting || g.Rest != test.rest || !reflect.DeepEqual(g.Cuts, test.cuts) || g.Hidden != test.hidden || !reflect.DeepEqual(g.Others, test.others) {
			t.Errorf("%s: %+v", test.value, g)
		}
		if g.Setting != "" && test.value[g.At.Off:g.At.End] != g.Setting {
			t.Errorf("%s: at %v", test.value, g.At)
		}
		edits := make([]span.TextEdit, 0)
		for _, c := range g.Cuts {
			edits = append(edits, span.TextEdit{Span: c})
		}
		if got := string(span.Spliced([]byte(test.value), edits)); got != g.Rest {
			t.Errorf("%s: the cuts leave %q, not %q", test.value, got, g.Rest)
		}
	}
}
