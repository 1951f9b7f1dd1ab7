package kafka

import (
	"testing"

	"github.com/seed-843b225c/reflex/connectors/contract"
	"github.com/seed-843b225c/reflex/engine"
)

func TestSourceKeepsTheContract(t *testing.T) {
	contract.Source(t, func(t testing.TB) contract.SourceRig {
		f := newFake(t, 3)
		return contract.SourceRig{
			Name: topic, Partitions: 3, Durable: true, Resumes: true, Buffer: minBuffer,
			Write: f.write,
			Open: func(t testing.TB, resume []engine.Position) engine.Source {
				c := f.config()
				c.Buffer = minBuffer
				s, err := NewSource(c, Options{Resume: resume, Stateful: true})
				if err != nil {
					t.Fatal(err)
				}
				return quick(s)
			},
		}
	})
}
