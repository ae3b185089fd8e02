package keepalive_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/keepalive"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, keepalive.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, keepalive.Rule) }
