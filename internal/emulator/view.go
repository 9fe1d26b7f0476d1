package emulator

// View shows the state as it is now. It is valid during f only, and no call is answered meanwhile.
func (c *Cloud) View(f func(now *State) error) error {
	return c.withLock(func() error { return f(c.state) })
}
