package ec2types

import "strings"

// generations maps every arm64 family of EC2 to its Graviton generation.
//
// Source: the table of aws/aws-graviton-getting-started, README, "Building for Graviton". It omits a1, the first generation,
// and the newest variants (c8gd, m8gn, r8gb, i8ge and similar). These differ only in disks and network from the family in
// their name, which is our estimate.
//
// The table is closed. Refused: a rule over the digits of the name. The digit is the family's generation and not the
// processor's (g5g, im4gn, i4g and x2gd are all Graviton2), so a rule would need as many exceptions as the table has rows. A
// test fails when the data contains an arm64 family that the table omits.
var generations = map[string]int{
	"a1": 1,

	"t4g": 2, "m6g": 2, "m6gd": 2, "c6g": 2, "c6gd": 2, "c6gn": 2, "r6g": 2, "r6gd": 2,
	"x2gd": 2, "im4gn": 2, "is4gen": 2, "i4g": 2, "g5g": 2,

	"m7g": 3, "m7gd": 3, "c7g": 3, "c7gd": 3, "c7gn": 3, "r7g": 3, "r7gd": 3, "hpc7g": 3,

	"m8g": 4, "m8gd": 4, "m8gn": 4, "m8gb": 4, "c8g": 4, "c8gd": 4, "c8gn": 4, "c8gb": 4,
	"r8g": 4, "r8gd": 4, "r8gn": 4, "r8gb": 4, "x8g": 4, "i8g": 4, "i8ge": 4,
}

// GravitonGeneration returns the generation, 1 to 4, of an instance type's Graviton processor, or 0 for a type without one.
// Generation 4 cannot run 32-bit ARM programs, and earlier generations can (same table, "32bit Backward Compatibility").
func GravitonGeneration(name string) int {
	family, _, _ := strings.Cut(name, ".")
	return generations[family]
}
