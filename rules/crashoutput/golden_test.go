package crashoutput_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/crashoutput"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, crashoutput.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, crashoutput.Rule) }
