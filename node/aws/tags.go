package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// tagFilters returns the EC2 filters that select resources with these tags.
func tagFilters(tags map[string]string) []types.Filter {
	var all []types.Filter
	for key, value := range tags {
		all = append(all, types.Filter{Name: aws.String("tag:" + key), Values: []string{value}})
	}
	return all
}

// formatTags returns tags as one sorted line.
func formatTags(tags map[string]string) string {
	var all []string
	for key, value := range tags {
		all = append(all, key+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// requireOne returns the only resource found. It returns an error when none or several were found.
func requireOne[T any](kind string, tags map[string]string, found []T, id func(T) string) (T, error) {
	var none T
	switch len(found) {
	case 0:
		return none, fmt.Errorf("no %s has the tags %s: %w", kind, formatTags(tags), ErrNotFound)
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, one := range found {
		ids[i] = id(one)
	}
	slices.Sort(ids)
	return none, fmt.Errorf("want one %s with the tags %s, found %d: %s; remove the Name tag from each one that `beachhead outputs` does "+
		"not list", kind, formatTags(tags), len(ids), strings.Join(ids, ", "))
}
