package main

import (
	"context"
	"errors"
)

func mutate(context.Context, []string) error { return errors.New("to come") }
