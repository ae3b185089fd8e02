package signalexit_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/signalexit"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, signalexit.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, signalexit.Rule) }
