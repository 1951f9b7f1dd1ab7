package kafka

import (
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kfake"
)

// virtual gives a test that runs in virtual time: waits are as long as in
// production and take none. Its brokers are inMemory.
func virtual(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// network is a network in memory, whose silences virtual time can see.
type network struct{ kfake.VirtualNetwork }

// broker starts a broker on it, always at the same address.
func (n *network) broker(t testing.TB, opts []kfake.Opt) *fake {
	t.Helper()
	return fakeOf(t, n.DialContext, append([]kfake.Opt{kfake.ListenFn(n.Listen), kfake.Ports(9092)}, opts...))
}

func inMemory(t testing.TB, partitions int32, opts ...kfake.Opt) *fake {
	t.Helper()
	return new(network).broker(t, append([]kfake.Opt{kfake.SeedTopics(partitions, topic)}, opts...))
}

// open gives a source with the waits of production.
func (f *fake) open(t testing.TB, c SourceConfig, o Options) *Source {
	t.Helper()
	o.Dial = f.dial
	return newSource(t, c, o)
}
