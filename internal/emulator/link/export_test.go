package link

// SubnetRangesOf returns the ranges that a router advertises in the default mode.
var SubnetRangesOf = subnetRangesOf
