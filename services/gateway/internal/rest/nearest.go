package rest

import (
	"fmt"
	"strings"
)

// suggestion prints as `; did you mean "x"?` with the candidate nearest to what was written, or as a full stop if none is near.
// It is worked out only when printed: of very many mistakes most are only counted.
type suggestion struct {
	written    string
	candidates []string
}

func (s suggestion) String() string {
	best, distance := "", len(s.written)/3+2
	for _, candidate := range s.candidates {
		if d := editDistance(strings.ToLower(s.written), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return "."
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is Levenshtein's, in bytes. What is far too long is not looked at: it is near to nothing.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
