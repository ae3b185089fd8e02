package goroutinealert_test

import (
	"testing"

	"github.com/runtimefix/runtimefix/rules/goroutinealert"
	"github.com/runtimefix/runtimefix/rules/internal/ruletest"
)

func TestGolden(t *testing.T) { ruletest.Golden(t, goroutinealert.Rule) }

func TestUnits(t *testing.T) { ruletest.Units(t, goroutinealert.Rule) }
