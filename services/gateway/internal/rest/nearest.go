package rest

import (
	"fmt"
	"strings"
)

// suggestion is `; did you mean "x"?` with the candidate nearest to what was written, or a full stop if none is near.
func suggestion(written string, candidates []string) string {
	best, distance := "", len(written)/3+2
	for _, candidate := range candidates {
		if d := editDistance(strings.ToLower(written), strings.ToLower(candidate)); d < distance {
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
