package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/runtimefix/runtimefix/rewrite"
)

// statistics writes how many findings there are of each rule, and what can be
// done about them.
func (r *report) statistics(w io.Writer, list []rewrite.Found) {
	if len(list) == 0 {
		return
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	defer table.Flush()
	row := func(name string, t tally) {
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t  %s\n", t.all, t.safe, t.unsafe, t.manual+t.withheld, name)
	}
	fmt.Fprintf(table, "findings\tsafe\tunsafe\tby hand\t  rule\n")
	var total tally
	for _, g := range groups(list, "rule") {
		var t tally
		for _, f := range g {
			t.add(f)
			total.add(f)
		}
		row(g[0].Rule, t)
	}
	row("all", total)
}
