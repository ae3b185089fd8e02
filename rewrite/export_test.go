package rewrite

// SetStep makes f be called at each step of a write.
func SetStep(f func(name string)) { step = f }
