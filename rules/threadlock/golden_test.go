package threadlock_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/threadlock"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, threadlock.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, threadlock.Rule) }
