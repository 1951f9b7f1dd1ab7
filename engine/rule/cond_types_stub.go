package rule

// Cond is a compiled condition: closures over slots, with expr's VM as fallback
// and oracle. Safe for concurrent use.
type Cond struct{}

// Num is a compiled expression that gives a number.
type Num struct{}

// Fields gives the slots the condition reads.
func (c *Cond) Fields() []int { return nil }
