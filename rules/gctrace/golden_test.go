package gctrace_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/gctrace"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, gctrace.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, gctrace.Rule) }
