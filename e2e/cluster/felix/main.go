// Command felix is Calico's agent, which enforces NetworkPolicies on a node. It takes its settings from the
// environment: FELIX_DATASTORETYPE and the like.
package main

import "github.com/projectcalico/calico/felix/daemon"

func main() {
	daemon.Run("", "test", "", "")
}
