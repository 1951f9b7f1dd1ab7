package window

import (
	"math"
	"math/bits"
)

// Amount is an exact sum of values >= 0 in units of 1e-9: adding floats would
// make a sum depend on the order of arrival.
type Amount struct{ hi, lo uint64 }

// ToAmount converts a value; ok is false for what cannot be summed: below
// zero, not a number, 2^53 and more.
func ToAmount(f float64) (a Amount, ok bool) {
	if !(f >= 0 && f < 1<<53) {
		return Amount{}, false
	}
	whole, part := math.Modf(f)
	hi, lo := bits.Mul64(uint64(whole), 1e9)
	lo, carry := bits.Add64(lo, uint64(math.Round(part*1e9)), 0)
	return Amount{hi + carry, lo}, true
}

// Plus adds.
func (a Amount) Plus(b Amount) Amount {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return Amount{a.hi + b.hi + carry, lo}
}

// Minus subtracts what was added before.
func (a Amount) Minus(b Amount) Amount {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	return Amount{a.hi - b.hi - borrow, lo}
}

// Float gives the amount as a number.
func (a Amount) Float() float64 {
	if a.hi == 0 && a.lo < 1<<53 {
		return float64(a.lo) / 1e9
	}
	return (float64(a.hi)*(1<<64) + float64(a.lo)) / 1e9
}

// Bucket numbers the bucket of a time; buckets below 1 ns are 1 ns wide.
func Bucket(t, width int64) int64 {
	width = max(width, 1)
	b := t / width
	if t%width < 0 {
		b--
	}
	return b
}

// MeasureMost is where the measure of a count or distinct count saturates, so
// that what a key remembers stays bounded however dense its events.
func MeasureMost(atLeast int64) int64 { return max(atLeast, 4096) }

// Bounds of a chain.
const (
	MostLinks  = 3  // links one chain crosses
	MostTuples = 16 // tuples of bound keys one event gives points for
)
