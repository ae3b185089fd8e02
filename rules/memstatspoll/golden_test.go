package memstatspoll_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
	"github.com/runtimefix/runtimefix/rules/memstatspoll"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, memstatspoll.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, memstatspoll.Rule) }
