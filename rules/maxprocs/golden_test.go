package maxprocs_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/maxprocs"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, maxprocs.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, maxprocs.Rule) }
