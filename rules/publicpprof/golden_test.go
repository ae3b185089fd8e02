package publicpprof_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/publicpprof"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, publicpprof.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, publicpprof.Rule) }
