package rewrite

// Edit is a transaction.
type Edit struct{}
