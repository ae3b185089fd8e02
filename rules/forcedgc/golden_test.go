package forcedgc_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/forcedgc"
	"github.com/runtimefix/runtimefix/rules/freeosmemory"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, forcedgc.Rule, freeosmemory.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, forcedgc.Rule, freeosmemory.Rule) }
