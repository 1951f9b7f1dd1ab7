// Package contract holds the tests that every Source and every Sink passes. A
// connector's tests describe its system with a rig and call Source or Sink;
// only tests import this package.
//
//	func TestSinkKeepsTheContract(t *testing.T) {
//		contract.Sink(t, func(t testing.TB) contract.SinkRig {
//			server := newServer(t) // an empty system for each case
//			return contract.SinkRig{
//				Open:   func(t testing.TB) engine.Sink { return open(t, server) },
//				Stored: func(t testing.TB) []string { return server.ids() },
//				Once:   true,
//			}
//		})
//	}
//
// The rig function is called once for each case and gives a system that is
// empty and belongs to that case alone. What a system cannot do is left out of
// its rig (a nil function, a false): the cases that need it are skipped by name,
// so that a reader sees what is not promised.
//
// Drive delivers as the pipeline does (again after temporary trouble, past what
// is refused for good) and Transitions makes samples; a connector's own tests
// may use both.
package contract

import "time"

// defaultWait bounds every single step of a case where a rig says nothing.
const defaultWait = 30 * time.Second

// pause is how long a case waits between two tries after temporary trouble.
const pause = 20 * time.Millisecond
