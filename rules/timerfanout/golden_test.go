package timerfanout_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/timerfanout"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, timerfanout.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, timerfanout.Rule) }
