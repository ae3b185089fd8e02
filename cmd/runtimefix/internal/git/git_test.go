package git

import "testing"

// The IDs are those of git hash-object, in both formats.
func TestIsBlob(t *testing.T) {
	for _, test := range []struct {
		id, data string
		want     bool
	}{
		{"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "", true},
		{"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813", "", true},
		{"ce013625030ba8dba906f756967f9e9ca394464a", "hello\n", true},
		{"ce013625030ba8dba906f756967f9e9ca394464a", "hello\r\n", false},
		{"", "", false}, // not in the index
	} {
		if got := IsBlob(test.id, []byte(test.data)); got != test.want {
			t.Errorf("%q is %s: %v", test.data, test.id, got)
		}
	}
}
