package rule

import "strings"

// didYouMean gives `did you mean "x"?` for the valid word nearest to what was
// written, or "" when none is near.
func didYouMean(word string, valid []string) string {
	if n := Nearest(word, valid); n != "" {
		return `did you mean "` + n + `"?`
	}
	return ""
}

// Nearest gives the valid word with the fewest edits to word, at most a third
// of its length; of equals the first. A word that differs in case, or is the
// last part of exactly one dotted name ("name" of "model.name"), is near too.
func Nearest(word string, valid []string) string {
	low := strings.ToLower(word)
	best, bound := "", max(1, len(low)/3)+1
	tail, tails := "", 0
	for _, v := range valid {
		if strings.EqualFold(v, word) && v != word {
			return v
		}
		if d := edits(low, strings.ToLower(v), bound); d < bound {
			best, bound = v, d
		}
		if strings.HasSuffix(v, "."+low) {
			tail, tails = v, tails+1
		}
	}
	if best == "" && tails == 1 {
		return tail
	}
	return best
}

// edits is the number of insertions, deletions, replacements and swaps of
// neighbours that turn a into b, or bound when it is at least bound.
func edits(a, b string, bound int) int {
	if d := len(a) - len(b); d >= bound || -d >= bound {
		return bound
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		low := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			low = min(low, row[j])
		}
		if low >= bound {
			return bound
		}
	}
	return min(bound, rows[(len(a)+1)%3][len(b)])
}
