// Runtimefix-vet runs the rules of runtimefix under the go command:
//
//	go vet -vettool=$(which runtimefix-vet) ./...
//	go fix -fixtool=$(which runtimefix-vet) -diff ./...
//
// It sees one package at a time; see rules.Analyzers for what that costs. The
// command runtimefix has no such limits.
package main

import (
	"github.com/runtimefix/runtimefix/rules"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() { unitchecker.Main(rules.Analyzers()...) }
