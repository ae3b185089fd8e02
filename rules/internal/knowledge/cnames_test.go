package knowledge

import "testing"

func TestCSurelyFrees(t *testing.T) {
	for name, want := range map[string]bool{
		"free": true, "foo_free": true, "foo_free_all": true, "FreeImage": true, "freeFoo": true, "fooDestroy": true, "FOO_CLOSE": true, "git_odb_free": true,
		"freeze": false, "foo_freeze": false, "carefree": false, "deleted": false, "released_at": false, "clear": false, "foo_unset": false,
	} {
		if CSurelyFrees(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
