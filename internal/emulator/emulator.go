package emulator

import "sync"

// Rules returns the rules of both clouds and of the VPN between them.
var Rules = sync.OnceValue(func() *Registry {
	reg := NewRegistry(AWSPlatform(), GCPPlatform())
	RegisterLink(reg)
	return reg
})

// Open opens the emulated cloud in a directory, and makes an empty one when there is none. It fails when the directory cannot be
// written or the journal is damaged other than at its torn end.
func Open(o Options) (*Cloud, error) { return OpenCloud(o, Rules()) }

// ModelSeconds returns how long an operation on a resource takes in the real cloud.
func ModelSeconds(typ, op string, inputs map[string]any) float64 {
	return Rules().ModelSeconds(typ, op, inputs)
}
