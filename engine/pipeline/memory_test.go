package pipeline_test

import (
	"maps"
	"testing"

	"github.com/seed-843b225c/reflex/engine/checkpoint"
	"github.com/seed-843b225c/reflex/engine/pipeline"
)

func TestSinksMemoriesAreApart(t *testing.T) {
	dir, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	want := map[string]map[string]string{"slack": {"a": "1", "b": "2", "": "3"}, "slack2": {"a": "4"}, "slac": {"k": "5"}, "empty": {}}
	for sink, values := range want {
		m := pipeline.SinkMemory(dir.Store, sink)
		for k, v := range values {
			if err := m.Put(k, []byte(v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for sink, values := range want {
		got := map[string]string{}
		err := pipeline.SinkMemory(dir.Store, sink).Each(func(k string, v []byte) error {
			got[k] = string(v)
			return nil
		})
		if err != nil || !maps.Equal(got, values) {
			t.Errorf("%s: %v %v, want %v", sink, got, err, values)
		}
	}
}
