package main

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// freePorts gives a free port for each name. They lie below those that the
// system hands to outgoing connections: a client that tries again and again
// while its server is down would otherwise sometimes sit on the server's port.
func freePorts(names ...string) (map[string]int, error) {
	ports := map[string]int{}
	for tries := 0; len(ports) < len(names); tries++ {
		if tries > 1000 {
			return nil, fmt.Errorf("no free port on 127.0.0.1 between 20000 and 31999")
		}
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", local(port))
		if err != nil {
			continue
		}
		defer l.Close() // held until all are found, so that none is given twice
		ports[names[len(ports)]] = port
	}
	return ports, nil
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
