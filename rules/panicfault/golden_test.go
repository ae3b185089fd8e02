package panicfault_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/panicfault"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, panicfault.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, panicfault.Rule) }
