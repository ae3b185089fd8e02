package knowledge

import "strings"

// listed reports whether name is in list, where an entry that ends in a star
// stands for all that begins as it does.
func listed(list []string, name string) bool {
	for _, entry := range list {
		if begin, ok := strings.CutSuffix(entry, "*"); ok && strings.HasPrefix(name, begin) || entry == name {
			return true
		}
	}
	return false
}
