package cloud

// Quota returns the value of a quota.
func (c *Call) Quota(code string) int {
	if n, set := c.QuotaOverride(code); set {
		return n
	}
	return c.State.registry.PlatformOf(c.Kind.Type).Quotas[code]
}

// QuotaOverride returns the value that a fault sets for a quota, and whether one does.
func (c *Call) QuotaOverride(code string) (int, bool) {
	if fault := c.cloud.faults.find("quota", code); fault != nil {
		return fault.n, true
	}
	return 0, false
}
