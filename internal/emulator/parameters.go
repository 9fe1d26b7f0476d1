package emulator

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const parameterType = "aws:ssm/parameter:Parameter"

func init() {
	define(parameterKind)
}

// The limits of Parameter Store, in bytes, levels and parameters in a region.
const (
	standardParameter = 4 * 1024
	advancedParameter = 8 * 1024
	parameterName     = 1011
	parameterLevels   = 15
	maxParameters     = 10000
)

var parameterWords = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

var parameterKind = &kind{
	typ:      parameterType,
	missing:  "ParameterNotFound: %s",
	autoName: 1011,
	defaults: map[string]any{"tier": "Standard"},
	unread:   []string{"overwrite"},
	volatile: []string{"version"},
	oneOf:    [][]string{{"value", "insecureValue"}},
	refuse:   []string{"arn"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.only("type", "String", "SecureString")
		l.choice("tier", "Standard", "Advanced", "Intelligent-Tiering")
		l.choice("dataType", "text", "aws:ec2:image")
		checkParameterName(l)
		checkParameterValue(l)
		return l.failures()
	},
	create: func(c *call) error {
		c.rec.ID = c.rec.str("name")
		c.rec.Outputs["arn"] = "arn:aws:ssm:" + c.region + ":" + c.account + ":parameter/" + strings.TrimPrefix(c.rec.ID, "/")
		c.rec.Outputs["dataType"] = "text"
		c.rec.Outputs["version"] = 1.0
		if other := c.find(c.rec.ID, parameterType); other != nil {
			if !c.rec.flag("overwrite") {
				return refused("ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true. (%s)",
					other.ID)
			}
			c.rec.Outputs["version"] = float64(other.num("version") + 1)
			return c.fitParameter(other)
		}
		if len(c.here(parameterType)) >= maxParameters {
			return exceeded("ParameterLimitExceeded: You have exceeded the number of parameters for this AWS account. (%d)", maxParameters)
		}
		return c.fitParameter(nil)
	},
	update: func(c *call) error {
		written := slices.ContainsFunc([]string{"value", "insecureValue", "type", "tier", "description", "keyId", "allowedPattern"}, c.changed)
		if written { // tags are another call
			c.rec.Outputs["version"] = float64(c.old.num("version") + 1)
		}
		return c.fitParameter(c.old)
	},
}

// checkParameterName holds a name to Parameter Store's rules: a path begins with a slash, and aws and ssm are AWS's own.
func checkParameterName(l *look) {
	name, known := l.in["name"].(string)
	if !known {
		return
	}
	l.pattern("name", parameterWords)
	if len(name) > parameterName {
		l.bad("name", "must be at most %d long, is %d", parameterName, len(name))
	}
	if strings.Contains(name, "/") && !strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.Contains(name, "//") {
		l.bad("name", "ValidationException: Parameter name must be a fully qualified name: /a/b, and not %q", name)
	}
	if levels := strings.Count(name, "/"); levels > parameterLevels {
		l.bad("name", "HierarchyLevelLimitExceededException: a hierarchy can have a maximum of %d levels, %q has %d", parameterLevels, name, levels)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(name), "/"), "/")
	if strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm") {
		l.bad("name", "AccessDeniedException: No access to reserved parameter name: %s.", name)
	}
}

// checkParameterValue never tells the value: it may be a secret.
func checkParameterValue(l *look) {
	if l.str("type") == "SecureString" && l.has("insecureValue") {
		l.bad("insecureValue", "a SecureString needs value")
	}
	if l.str("type") == "String" && l.has("keyId") {
		l.bad("keyId", "ValidationException: KeyId is not required for String type parameter.")
	}
	for _, name := range []string{"value", "insecureValue"} {
		if value, known := l.in[name].(string); known {
			fitValue(l, name, value)
		}
	}
}

// fitValue holds a value to its tier's limit, to its pattern and to what its data type means.
func fitValue(l *look, name, value string) {
	limit := advancedParameter
	if l.str("tier") == "Standard" {
		limit = standardParameter
	}
	if value == "" || len(value) > limit {
		l.bad(name, "ValidationException: %s tier parameters support a maximum parameter value of %d characters, and need one; this has %d",
			l.str("tier"), limit, len(value))
	}
	if l.str("dataType") == "aws:ec2:image" && !strings.HasPrefix(value, "ami-") {
		l.bad(name, "ValidationException: the value is no image, as data type aws:ec2:image wants")
	}
	pattern := l.str("allowedPattern")
	if re, err := regexp.Compile(pattern); err != nil {
		l.bad("allowedPattern", "InvalidAllowedPatternException: %v", err)
	} else if !re.MatchString(value) {
		l.bad(name, "ParameterPatternMismatchException: Parameter value, cannot match pattern: %s", pattern)
	}
}

// fitParameter refuses what PutParameter refuses over an existing parameter, and a key that is not there.
func (c *call) fitParameter(was *record) error {
	if was != nil && was.str("type") != c.rec.str("type") {
		return refused("HierarchyTypeMismatchException: Parameter Store doesn't support changing a parameter type: %s is a %s", was.ID, was.str("type"))
	}
	if was != nil && was.str("tier") == "Advanced" && c.rec.str("tier") == "Standard" {
		return refused("ValidationException: This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier "+
			"to the standard-parameter tier. (%s)", was.ID)
	}
	if c.rec.str("type") == "SecureString" && c.rec.str("keyId") == "" {
		c.rec.Outputs["keyId"] = "alias/aws/ssm"
	}
	return c.checkKey("keyId")
}
