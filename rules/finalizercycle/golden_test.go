package finalizercycle_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/finalizercycle"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, finalizercycle.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, finalizercycle.Rule) }
